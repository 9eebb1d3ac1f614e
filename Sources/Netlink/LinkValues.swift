// Names of network interfaces, and what the kernel tells about them.

import Bytes
package import Kernel

/// The name of a network interface, as the kernel accepts it (dev_valid_name): 1 to 15 bytes,
/// without white space, `/` and `:`, and neither `.` nor `..`.
package struct InterfaceName: Hashable, Sendable, CustomStringConvertible {
    package let text: String
    package var description: String { text }

    /// The most bytes (IFNAMSIZ is 16 with the final NUL).
    package static let longest = 15

    /// `nil` if the kernel would refuse it, and for bytes that are not printable ASCII.
    package init?(_ text: String) {
        let isPlain = text.utf8.allSatisfy { byte in
            0x21..<0x7f ~= byte && byte != UInt8(ascii: "/") && byte != UInt8(ascii: ":")
        }
        guard 1...InterfaceName.longest ~= text.utf8.count, isPlain,
            !text.isSame(as: "."), !text.isSame(as: "..")
        else { return nil }
        self.text = text
    }

    /// As an element of a set of type ifname: 16 bytes, filled with NUL.
    var padded: [UInt8] { Array(text.utf8) + [UInt8](repeating: 0, count: 16 - text.utf8.count) }
}

/// A network interface.
package struct NetworkLink: Equatable, Sendable {
    package let index: Int32
    package let name: String
    /// IFLA_IFALIAS, a text for people, and our mark.
    package let alias: String?
    /// The index of the bridge that it is a port of.
    package let master: Int32?
    /// Such as `veth` or `bridge`; `nil` for lo and hardware.
    package let kind: String?
    /// IFF_UP: whether it is enabled.
    package let isUp: Bool
    package let mac: MACAddress?
    /// In bytes.
    package let mtu: UInt32
    /// IFLA_GROUP; 0 unless it was set.
    package let group: UInt32

    /// `nil` for any other message.
    package init?(_ reply: NetlinkReply) {
        // ifinfomsg: family, type, index at 4, flags at 8; the attributes follow at 16.
        guard reply.type == Route.newLink, let index = reply.body.host(Int32.self, at: 4),
            let flags = reply.body.host(UInt32.self, at: 8)
        else { return nil }
        let attributes = Attributes(reply.body.dropFirst(16))
        guard let name = attributes[LinkAttribute.name] else { return nil }
        self.index = index
        self.name = name.text
        alias = attributes[LinkAttribute.alias]?.text
        master = attributes[LinkAttribute.master]?.host()
        kind = attributes.nested(LinkAttribute.info)[LinkAttribute.infoKind]?.text
        isUp = flags & Route.isUp != 0
        mac = attributes[LinkAttribute.address].flatMap { MACAddress($0) }
        mtu = attributes[LinkAttribute.mtu]?.host() ?? 0
        group = attributes[LinkAttribute.group]?.host() ?? 0
    }
}

/// An address of an interface.
package struct InterfaceAddress: Equatable, Sendable {
    package let link: Int32
    /// The address and the length of its network's prefix.
    package let prefix: IPPrefix

    /// `nil` for any other message.
    package init?(_ reply: NetlinkReply) {
        // ifaddrmsg: family, prefix length, flags, scope, index at 4; the attributes follow at 8.
        guard reply.type == Route.newAddress, let length = reply.body.host(UInt8.self, at: 1),
            let link = reply.body.host(Int32.self, at: 4)
        else { return nil }
        // IFA_LOCAL is missing in IPv6, and differs from IFA_ADDRESS on point-to-point links.
        let attributes = Attributes(reply.body.dropFirst(8))
        guard
            let bytes = attributes[AddressAttribute.local] ?? attributes[AddressAttribute.address],
            let address = IPAddress(bytes: bytes),
            let prefix = IPPrefix(address, length: Int(length))
        else { return nil }
        self.link = link
        self.prefix = prefix
    }
}

/// A route.
package struct NetworkRoute: Equatable, Sendable {
    /// The length 0 for a default route.
    package let destination: IPPrefix
    /// The index of the outgoing interface.
    package let link: Int32?
    /// 254 is the main table, 255 the local one (rtnetlink(7)).
    package let table: UInt32

    /// `nil` for any other message, and for families other than IPv4 and IPv6.
    package init?(_ reply: NetlinkReply) {
        // rtmsg: family, destination length, …, table at 4; the attributes follow at 12.
        guard reply.type == Route.newRoute, let family = reply.body.first,
            let length = reply.body.host(UInt8.self, at: 1),
            let shortTable = reply.body.host(UInt8.self, at: 4)
        else { return nil }
        let attributes = Attributes(reply.body.dropFirst(12))
        let any: IPAddress
        switch family {
        case Family.v4: any = IPAddress(.v4, 0)
        case Family.v6: any = IPAddress(.v6, 0)
        case _: return nil
        }
        let address = attributes[RouteAttribute.destination].map { IPAddress(bytes: $0) } ?? any
        guard let address, let prefix = IPPrefix(address, length: Int(length)) else { return nil }
        destination = prefix
        link = attributes[RouteAttribute.outgoing]?.host()
        table = attributes[RouteAttribute.table]?.host() ?? UInt32(shortTable)
    }
}

extension InterfaceStatistics {
    /// `nil` for any message but a link's with rtnl_link_stats64.
    init?(_ reply: NetlinkReply) {
        guard reply.type == Route.newLink else { return nil }
        let attributes = Attributes(reply.body.dropFirst(16))
        guard let name = attributes[LinkAttribute.name],
            let counts = attributes[LinkAttribute.statistics], counts.count >= 64
        else { return nil }
        // Packets, bytes, errors and dropped packets: each as received, then sent.
        let count = { (place: Int) in counts.host(UInt64.self, at: place * 8) ?? 0 }
        self.init(
            name: name.text,
            received: Direction(
                bytes: count(2), packets: count(0), errors: count(4), dropped: count(6)),
            sent: Direction(
                bytes: count(3), packets: count(1), errors: count(5), dropped: count(7)))
    }
}
