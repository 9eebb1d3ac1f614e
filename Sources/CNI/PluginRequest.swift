// What a plugin's process is given (SPEC.md section 2): environment and standard input.

/// What a plugin is asked to do.
package enum PluginVerb: String, Sendable, CaseIterable {
    case add = "ADD"
    case delete = "DEL"
    case check = "CHECK"
    case status = "STATUS"
    case collectGarbage = "GC"
    case version = "VERSION"
}

/// One process of a plugin: the program is the file `type` in one of the plugin directories.
package struct PluginRequest: Equatable, Sendable {
    package let verb: PluginVerb
    package let type: String
    /// The bytes of standard input, which ends after them.
    package let input: [UInt8]
    /// The whole environment, as `NAME=value`. The process inherits nothing else (law 24).
    package let environment: [String]

    /// Plugins run iptables by name, so they need a search path of their own.
    static let programPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

    /// Asks a plugin for the versions that it supports. The input has the newest version, and the
    /// other variables have some value, because plugins built with an old library require them.
    package static func versions(of type: String) -> PluginRequest {
        let names = ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_PATH"]
        return PluginRequest(
            verb: .version, type: type,
            input: Array(#"{"cniVersion":"\#(CNIVersion.newest)"}"#.utf8),
            environment: ["CNI_COMMAND=VERSION"] + names.map { $0 + "=dummy" } + [programPath])
    }
}

/// One interface of a pod on one network.
package struct NetworkAttachment: Equatable, Sendable {
    /// The pod's uid: it is our mark in the plugins' files and comments.
    package let containerID: String
    /// The interface's name inside the pod.
    package let interface: String
    /// A path to the pod's network namespace; `nil` if it is gone, which only DEL permits.
    package var namespace: String?
    package var arguments: PluginArguments
    /// The pod's labels, for `args.cni.labels`.
    package var labels: [String: String]
    package var capabilities: CapabilityArguments

    /// `nil` if the container id or the interface's name is none.
    package init?(
        containerID: String, interface: String, namespace: String?,
        arguments: PluginArguments = PluginArguments(), labels: [String: String] = [:],
        capabilities: CapabilityArguments = CapabilityArguments()
    ) {
        guard isCNIName(containerID), isInterfaceName(interface) else { return nil }
        self.containerID = containerID
        self.interface = interface
        self.namespace = namespace
        self.arguments = arguments
        self.labels = labels
        self.capabilities = capabilities
    }
}

/// An attachment that GC must keep.
package struct ValidAttachment: Equatable, Sendable {
    package let containerID: String
    package let interface: String

    package init(containerID: String, interface: String) {
        self.containerID = containerID
        self.interface = interface
    }
}
