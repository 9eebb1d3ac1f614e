// An entry of conntrack, and the numbers of its attributes.

import Bytes
package import Kernel

/// An entry of conntrack.
package struct ConntrackEntry: Sendable {
    package let original: Tuple
    package let reply: Tuple
    /// What identifies it: its original tuple, its id, and its zone, as attributes.
    let identity: AttributeWriter

    /// One direction of a connection. Anything but addresses may be missing.
    package struct Tuple: Hashable, Sendable {
        package let source: IPAddress
        package let destination: IPAddress
        package let transport: UInt8?
        package let destinationPort: UInt16?

        init?(_ attributes: Attributes) {
            let addresses = attributes.nested(Conntrack.addresses)
            let transport = attributes.nested(Conntrack.transport)
            guard
                let source = addresses[Conntrack.source4] ?? addresses[Conntrack.source6],
                let destination =
                    addresses[Conntrack.destination4] ?? addresses[Conntrack.destination6],
                let source = IPAddress(bytes: source),
                let destination = IPAddress(bytes: destination)
            else { return nil }
            self.source = source
            self.destination = destination
            self.transport = transport[Conntrack.number]?.first
            destinationPort = transport[Conntrack.destinationPort]?.network()
        }
    }

    /// `nil` for any other message.
    package init?(_ reply: NetlinkReply) {
        guard reply.type == Conntrack.new else { return nil }
        // nfgenmsg has four bytes.
        let attributes = Attributes(reply.body.dropFirst(4))
        guard let original = Tuple(attributes.nested(Conntrack.original)),
            let answer = Tuple(attributes.nested(Conntrack.reply))
        else { return nil }
        self.original = original
        self.reply = answer
        var identity = AttributeWriter()
        for type in [Conntrack.original, Conntrack.id, Conntrack.zone] {
            guard let value = attributes[type] else { continue }
            identity.put(type == Conntrack.original ? type | 0x8000 : type, Array(value))
        }
        self.identity = identity
    }
}

/// The numbers of conntrack (linux/netfilter/nfnetlink_conntrack.h).
enum Conntrack {
    static let new: UInt16 = Netfilter.conntrack << 8
    static let get: UInt16 = Netfilter.conntrack << 8 | 1
    static let delete: UInt16 = Netfilter.conntrack << 8 | 2
    static let original: UInt16 = 1
    static let reply: UInt16 = 2
    static let id: UInt16 = 12
    static let zone: UInt16 = 18
    static let filter: UInt16 = 25
    /// Inside of a tuple.
    static let addresses: UInt16 = 1
    static let transport: UInt16 = 2
    static let source4: UInt16 = 1
    static let destination4: UInt16 = 2
    static let source6: UInt16 = 3
    static let destination6: UInt16 = 4
    static let number: UInt16 = 1
    static let destinationPort: UInt16 = 3
    /// Inside of a filter: which parts of the tuples count (CTA_FILTER_F_…).
    static let originalParts: UInt16 = 1
    static let replyParts: UInt16 = 2
    static let hasSource: UInt32 = 1
    static let hasDestination: UInt32 = 2
    static let hasTransport: UInt32 = 8
    static let hasDestinationPort: UInt32 = 32
}
