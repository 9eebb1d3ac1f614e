// The interfaces of a pod that plugins make (CNI), as its record names them.

package import Kernel

/// One interface of a pod on a network of plugins. All but the outcome is fixed before the first
/// plugin runs, because DEL must have what ADD had (law 1).
package struct PodAttachment: Equatable, Sendable {
    /// One pair of CNI_ARGS.
    package struct Argument: Equatable, Sendable {
        /// Such as `K8S_POD_NAME`.
        package let name: String
        /// Without `;`, which ends it.
        package let value: String

        package init(_ name: String, _ value: String) { (self.name, self.value) = (name, value) }
    }

    /// The network's name in the configuration.
    package let network: String
    /// The interface's name in the pod.
    package let interface: String
    /// The path of the configuration's file.
    package let file: String
    /// Whether the configuration is a list of plugins.
    package let isList: Bool
    /// The bytes of the configuration, in UTF-8, with which the pod was made.
    package let configuration: [UInt8]
    /// The version of CNI that the plugins are asked in.
    package let version: String
    /// The directories of plugins, in the order of the search.
    package let directories: [String]
    /// The pairs of CNI_ARGS.
    package let arguments: [Argument]
    /// The pod's labels at the time.
    package let labels: [String: String]
    /// The values that plugins get if they declare the capability. Each is a JSON text.
    package let capabilities: [String: [UInt8]]
    /// The shim whose network namespace the plugins got; `nil` if no plugin has run.
    package var shim: ProcessIdentity?
    /// The outcome of ADD; `nil` if that is unknown, or ADD failed.
    package var made: Made?

    /// What the plugins have made.
    package struct Made: Equatable, Sendable {
        /// The result of the chain: a JSON text.
        package let result: [UInt8]
        /// As the result has it; `nil` if the result has none.
        package let mac: String?
        /// The other end in the host's network namespace; `nil` if the result names none.
        package let hostInterface: String?
        /// The addresses of the pod's end, with the lengths of their prefixes.
        package let addresses: [IPPrefix]
        /// The gateways of the addresses, each once.
        package let gateways: [IPAddress]

        package init(
            result: [UInt8], mac: String?, hostInterface: String?, addresses: [IPPrefix],
            gateways: [IPAddress]
        ) {
            self.result = result
            self.mac = mac
            self.hostInterface = hostInterface
            self.addresses = addresses
            self.gateways = gateways
        }
    }

    package init(
        network: String, interface: String, file: String, isList: Bool, configuration: [UInt8],
        version: String, directories: [String], arguments: [Argument],
        labels: [String: String], capabilities: [String: [UInt8]],
        shim: ProcessIdentity? = nil, made: Made? = nil
    ) {
        self.network = network
        self.interface = interface
        self.file = file
        self.isList = isList
        self.configuration = configuration
        self.version = version
        self.directories = directories
        self.arguments = arguments
        self.labels = labels
        self.capabilities = capabilities
        self.shim = shim
        self.made = made
    }

    /// How messages name it.
    package var description: String { "\(interface) on \(network)" }
}
