// Elements of the firewall's sets and maps, as values and as the kernel has them.

import Bytes
package import Kernel

/// A published port.
package struct PublishedPort: Hashable, Sendable {
    /// `nil`: any address of the host. It is of the same family as the pod's.
    package let hostAddress: IPAddress?
    package let transport: Transport
    package let hostPort: UInt16
    package let podAddress: IPAddress
    package let podPort: UInt16

    package init(
        hostAddress: IPAddress?, transport: Transport, hostPort: UInt16, podAddress: IPAddress,
        podPort: UInt16
    ) {
        self.hostAddress = hostAddress
        self.transport = transport
        self.hostPort = hostPort
        self.podAddress = podAddress
        self.podPort = podPort
    }
}

/// What an element says. The kernel compares keys: two published ports of different pods have the
/// same key if host address, transport and host port are equal.
package enum FirewallContent: Hashable, Sendable {
    case port(PublishedPort)
    case bridge(InterfaceName)
    /// A bridge that other bridges of ours do not reach.
    case isolated(InterfaceName)
    /// Packets may stay on this bridge.
    case sameBridge(InterfaceName)
    case subnet(IPPrefix)
    case hairpin(IPPrefix)
    case masquerade(IPPrefix)

    package var set: FirewallSet {
        switch self {
        case .port(let port):
            switch (port.podAddress.family, port.hostAddress) {
            case (.v4, nil): .anyport4
            case (.v4, _): .ports4
            case (.v6, nil): .anyport6
            case (.v6, _): .ports6
            }
        case .bridge: .bridges
        case .isolated: .isolated
        case .sameBridge: .sameBridge
        case .subnet(let prefix): prefix.address.family == .v4 ? .subnets4 : .subnets6
        case .hairpin(let prefix): prefix.address.family == .v4 ? .hairpin4 : .hairpin6
        case .masquerade(let prefix): prefix.address.family == .v4 ? .masquerade4 : .masquerade6
        }
    }
}

/// A content and its comment, which names the owner, such as `staunch:<uid>`.
package struct FirewallElement: Hashable, Sendable {
    package let content: FirewallContent
    package let comment: String

    /// The most bytes of a comment (NFT_USERDATA_MAXLEN is 256, with two bytes before it and NUL).
    package static let longestComment = 128

    /// `nil` if the comment is too long or contains NUL.
    package init?(_ content: FirewallContent, comment: String) {
        guard comment.utf8.count <= FirewallElement.longestComment, !comment.utf8.contains(0)
        else { return nil }
        self.content = content
        self.comment = comment
    }
}

/// An element that the kernel listed.
package struct ListedElement: Hashable, Sendable {
    package let set: FirewallSet
    /// `nil` if Staunch could not have made it.
    package let content: FirewallContent?
    package let comment: String?
    /// For the removal of exactly this element.
    let raw: [RawElement]
}
