// The wishes for interfaces that plugins make (Container Network Interface, CNI). The network's
// configuration is an administrator's file, and is no part of the spec.

/// The network of a pod of the mode `cni`.
package struct CNISpec: Equatable, Sendable {
    /// In the order in which the plugins make them. There is at least one.
    package var attachments: [CNIAttachment]
    /// In the order of the request.
    package var ports: [PortSpec]

    package init(
        attachments: [CNIAttachment] = [CNIAttachment(interface: "eth0")], ports: [PortSpec] = []
    ) {
        self.attachments = attachments
        self.ports = ports
    }
}

/// The wishes for one interface on one network.
package struct CNIAttachment: Equatable, Sendable {
    /// The name of the network; `nil` for the first network of the configuration directory.
    package var network: String?
    /// The name of the interface in the pod.
    package var interface: String
    /// Values of CNI_ARGS, by their names.
    package var args: [String: String]
    /// The capability arguments, by their names. Each is a JSON text whose objects have their
    /// members in the order of the names, so that equal values have equal texts.
    package var capabilities: [String: [UInt8]]

    package init(
        network: String? = nil, interface: String, args: [String: String] = [:],
        capabilities: [String: [UInt8]] = [:]
    ) {
        self.network = network
        self.interface = interface
        self.args = args
        self.capabilities = capabilities
    }
}
