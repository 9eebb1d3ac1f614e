// A network of mode `bridge`: a bridge on the host that pods are ports of.

package import Kernel

/// The requested form of a network.
package struct NetworkSpec: Equatable, Sendable {
    /// The IPv4 addresses of the network; `nil` if the daemon is to choose a free subnet. The
    /// first address belongs to the bridge, which is the pods' gateway.
    package var subnet: IPPrefix?
    /// The IPv6 addresses of the network; `nil` if it has none.
    package var subnet6: IPPrefix?
    /// The largest packet in bytes; 0 for the kernel's default.
    package var mtu: Int64
    /// Whether packets to the outside get the address of the host.
    package var masquerade: Bool
    /// Whether pods of other networks can neither reach this network nor be reached from it.
    package var isolate: Bool

    package init(
        subnet: IPPrefix? = nil, subnet6: IPPrefix? = nil, mtu: Int64 = 0, masquerade: Bool = true,
        isolate: Bool = false
    ) {
        self.subnet = subnet
        self.subnet6 = subnet6
        self.mtu = mtu
        self.masquerade = masquerade
        self.isolate = isolate
    }

    /// The subnets of a network that exists.
    package var subnets: [IPPrefix] { [subnet, subnet6].compactMap(\.self) }
}

extension IPPrefix {
    /// The address of the bridge: the first one of the subnet.
    package var gateway: IPPrefix {
        let first = IPAddress(address.family, network.address.value + 1)
        return IPPrefix(first, length: length) ?? self
    }
}

/// The state of a network, as clients read it.
package enum NetworkState: String, Sendable, CaseIterable {
    case creating, ready, deleting
}

/// A network's record.
package struct Network: Equatable, Sendable {
    /// The most pods of a network, because a bridge has as many ports (BR_MAX_PORTS of the kernel's
    /// net/bridge/br_private.h, without the port 0).
    package static let mostPods = 1023

    /// The incarnation: a new network of the same name has another uid.
    package let uid: UID
    /// The name, which is unique among all networks at any time.
    package let name: Label
    /// The requested form, with the chosen subnet.
    package var spec: NetworkSpec
    /// Whether a pod's create made it. Such a network goes after its last pod.
    package var isAutomatic: Bool
    /// The present state. Only the network's controller and a pod's create change it.
    package var state: NetworkState
    /// The value of the global counter at the last change.
    package var revision: UInt64
    /// When the create was accepted.
    package let createdAt: Timestamp
    /// The operation that creates or deletes the network; `nil` if none runs.
    package var operation: UID?

    package init(
        uid: UID, name: Label, spec: NetworkSpec, isAutomatic: Bool, state: NetworkState,
        revision: UInt64 = 0, createdAt: Timestamp, operation: UID? = nil
    ) {
        self.uid = uid
        self.name = name
        self.spec = spec
        self.isAutomatic = isAutomatic
        self.state = state
        self.revision = revision
        self.createdAt = createdAt
        self.operation = operation
    }

    /// The entity tag (RFC 9110): a change of the network changes it.
    package var entityTag: String { "\"\(uid).\(revision)\"" }

    /// The name of the bridge on the host: `sb` and the last 12 digits of the uid. An interface's
    /// name has at most 15 bytes (netdevice(7)).
    package var bridge: String { Network.bridge(of: uid) }

    /// The name of the bridge of the network with this uid.
    package static func bridge(of uid: UID) -> String { "sb" + uid.lastDigits }
}

extension UID {
    /// The last 12 digits, which are random.
    package var lastDigits: String { String("\(self)".suffix(12)) }
}
