// The network of a pod: what a client requests, and what the pod then has.

package import Kernel

/// The requested network of a pod's tasks.
package enum PodNetwork: Equatable, Sendable {
    /// A namespace of its own, with only loopback.
    case none
    /// The host's namespace.
    case host
    /// A namespace of its own with an interface on a network of ours.
    case bridge(BridgeSpec)
    /// A namespace of its own with interfaces that plugins make.
    case cni(CNISpec)

    /// Whether the tasks have a network namespace of their own.
    package var isOwn: Bool { self != .host }

    /// The wishes for a network of ours; `nil` for another mode.
    package var bridge: BridgeSpec? {
        get { if case .bridge(let bridge) = self { bridge } else { nil } }
        set { if let newValue { self = .bridge(newValue) } }
    }

    /// The wishes for plugins; `nil` for another mode.
    package var cni: CNISpec? {
        get { if case .cni(let cni) = self { cni } else { nil } }
        set { if let newValue { self = .cni(newValue) } }
    }

    /// The host ports of the pod, in the order of the request.
    package var ports: [PortSpec] {
        get {
            switch self {
            case .none, .host: []
            case .bridge(let bridge): bridge.ports
            case .cni(let cni): cni.ports
            }
        }
        set {
            switch self {
            case .none, .host: break
            case .bridge(var bridge):
                bridge.ports = newValue
                self = .bridge(bridge)
            case .cni(var cni):
                cni.ports = newValue
                self = .cni(cni)
            }
        }
    }
}

/// The wishes for an interface on a network of ours.
package struct BridgeSpec: Equatable, Sendable {
    /// The name of the network.
    package var name: Label
    /// The IPv4 address; `nil` for a free one.
    package var address: IPAddress?
    /// The IPv6 address; `nil` for a free one, if the network has IPv6 addresses.
    package var address6: IPAddress?
    /// In the order of the request.
    package var ports: [PortSpec]

    package init(
        name: Label = .pods, address: IPAddress? = nil, address6: IPAddress? = nil,
        ports: [PortSpec] = []
    ) {
        self.name = name
        self.address = address
        self.address6 = address6
        self.ports = ports
    }
}

/// A port of the host that leads to a port of the pod.
package struct PortSpec: Hashable, Sendable {
    /// The port of the host.
    package var hostPort: UInt16
    /// The port in the pod.
    package var containerPort: UInt16
    /// The protocol of both ports.
    package var transport: Transport
    /// The address of the host; `nil` for each of its addresses. `0.0.0.0` and `::` are each
    /// address of their family.
    package var hostIP: IPAddress?

    package init(
        hostPort: UInt16, containerPort: UInt16, transport: Transport = .tcp,
        hostIP: IPAddress? = nil
    ) {
        self.hostPort = hostPort
        self.containerPort = containerPort
        self.transport = transport
        self.hostIP = hostIP
    }

    /// Whether some packet to the host would lead to both.
    package func collides(with other: PortSpec) -> Bool {
        guard hostPort == other.hostPort, transport == other.transport else { return false }
        guard let hostIP, let otherIP = other.hostIP else { return true }
        guard hostIP.family == otherIP.family else { return false }
        return hostIP == otherIP || hostIP.value == 0 || otherIP.value == 0
    }
}

/// An interface of a pod, as it is on the host and in the pod.
package struct PodInterface: Equatable, Sendable {
    /// The name in the pod.
    package let name: String
    /// The Ethernet address of the pod's end.
    package let mac: MACAddress
    /// The name of the other end, in the host's network namespace.
    package let hostInterface: String
    /// With the lengths of their networks' prefixes.
    package let addresses: [IPPrefix]
    /// The default routers, at most one for each family.
    package let gateways: [IPAddress]
    /// The name of the network.
    package let network: Label
    /// The incarnation of the network.
    package let networkUID: UID

    package init(
        name: String, mac: MACAddress, hostInterface: String, addresses: [IPPrefix],
        gateways: [IPAddress], network: Label, networkUID: UID
    ) {
        self.name = name
        self.mac = mac
        self.hostInterface = hostInterface
        self.addresses = addresses
        self.gateways = gateways
        self.network = network
        self.networkUID = networkUID
    }

    /// The interface of a pod on a network of ours. The MAC address follows from the first address,
    /// so that no neighbor's entry for a former owner of the address is ever wrong.
    package init(of pod: UID, on network: Network, addresses: [IPPrefix]) {
        let first = addresses.first?.address ?? IPAddress(.v4, 0)
        self.init(
            name: "eth0", mac: MACAddress(for: first),
            hostInterface: PodInterface.hostName(of: pod), addresses: addresses,
            gateways: addresses.map(\.gateway.address), network: network.name,
            networkUID: network.uid)
    }

    /// The name of the interface of this pod in the host's network namespace: `st` and the last 12
    /// digits of the uid.
    package static func hostName(of pod: UID) -> String { "st" + pod.lastDigits }
}
