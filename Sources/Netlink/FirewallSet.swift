// The sets and maps of the firewall's table, and their types.

import Kernel

/// A set or a map of the table. The rules never change: a network and a pod are elements.
package enum FirewallSet: String, CaseIterable, Sendable {
    /// Host address, protocol and host port, to pod address and port. Without a host address it is
    /// any address of the host.
    case ports4, anyport4, ports6, anyport6
    /// The names of our bridges, and of the bridges that no other bridge of ours may reach.
    case bridges, isolated
    /// Each bridge's name twice: packets stay on it.
    case sameBridge = "same_bridge"
    /// The networks; each network twice, because a pod may talk to a published port of its own
    /// network; and the networks that are hidden behind the host's address.
    case subnets4, hairpin4, masquerade4, subnets6, hairpin6, masquerade6

    /// A type of nft(8), with its number in nftables' userland.
    enum Field: UInt32 {
        case ipv4 = 7
        case ipv6 = 8
        case transport = 12
        case port = 13
        case interface = 41

        /// In bytes, padded to four.
        var size: UInt32 {
            switch self {
            case .ipv4, .transport, .port: 4
            case .ipv6, .interface: 16
            }
        }

        /// As nft(8) notes it in a set: 1 host, 2 network.
        var byteOrder: UInt32 { self == .interface ? 1 : 2 }
    }

    var key: [Field] {
        switch self {
        case .ports4: [.ipv4, .transport, .port]
        case .ports6: [.ipv6, .transport, .port]
        case .anyport4, .anyport6: [.transport, .port]
        case .bridges, .isolated: [.interface]
        case .sameBridge: [.interface, .interface]
        case .subnets4, .masquerade4: [.ipv4]
        case .subnets6, .masquerade6: [.ipv6]
        case .hairpin4: [.ipv4, .ipv4]
        case .hairpin6: [.ipv6, .ipv6]
        }
    }

    /// Empty for a set.
    var data: [Field] {
        switch self {
        case .ports4, .anyport4: [.ipv4, .port]
        case .ports6, .anyport6: [.ipv6, .port]
        case .bridges, .isolated, .sameBridge, .subnets4, .subnets6, .hairpin4, .hairpin6,
            .masquerade4, .masquerade6:
            []
        }
    }

    var hasIntervals: Bool {
        switch self {
        case .subnets4, .subnets6, .hairpin4, .hairpin6, .masquerade4, .masquerade6: true
        case .ports4, .ports6, .anyport4, .anyport6, .bridges, .isolated, .sameBridge: false
        }
    }

    /// The kernel keeps the intervals of one field as two elements, and those of several fields as
    /// one element with two keys.
    var hasEnds: Bool { hasIntervals && key.count == 1 }

    var flags: UInt32 {
        (hasIntervals ? SetAttribute.hasIntervals : 0)
            | (hasIntervals && key.count > 1 ? SetAttribute.isConcatenated : 0)
            | (data.isEmpty ? 0 : SetAttribute.isMap)
    }
}

extension [FirewallSet.Field] {
    /// The number of the concatenated type: 6 bits for each field.
    var type: UInt32 { reduce(0) { $0 << 6 | $1.rawValue } }

    /// In bytes.
    var size: UInt32 { reduce(0) { $0 + $1.size } }
}

extension NetlinkMessage {
    /// A request about the table, or about a thing in it.
    static func firewall(
        _ request: FirewallRequest, _ subject: String, _ flags: Flags = [],
        _ attributes: (inout AttributeWriter) -> Void
    ) -> NetlinkMessage {
        var message = NetlinkMessage(
            request.name, request.type, subject, flags, Netfilter.head(Netfilter.inet))
        message.attributes(attributes)
        return message
    }

    /// Makes the set, if there is none. `id` is any number that is unique in the batch.
    static func set(_ set: FirewallSet, in table: FirewallTable, id: Int) -> NetlinkMessage {
        .firewall(.newSet, "\(table.name) \(set.rawValue)", .create) {
            $0.put(SetAttribute.table, text: table.name)
            $0.put(SetAttribute.name, text: set.rawValue)
            $0.put(SetAttribute.flags, network: set.flags)
            $0.put(SetAttribute.keyType, network: set.key.type)
            $0.put(SetAttribute.keyLength, network: set.key.size)
            if !set.data.isEmpty {
                $0.put(SetAttribute.dataType, network: set.data.type)
                $0.put(SetAttribute.dataLength, network: set.data.size)
            }
            if set.hasIntervals && set.key.count > 1 { $0.describe(set.key) }
            $0.put(SetAttribute.id, network: UInt32(id))
            // nft(8) needs the byte order to show the elements.
            let order = set.key.count == 1 ? set.key[0].byteOrder : 0
            $0.put(SetAttribute.userData, [0, 4] + [UInt8](host: order))
        }
    }
}

extension AttributeWriter {
    fileprivate mutating func describe(_ key: [FirewallSet.Field]) {
        nest(SetAttribute.description) {
            $0.nest(SetAttribute.concatenation) {
                for field in key {
                    $0.nest(ElementAttribute.listed) {
                        $0.put(SetAttribute.fieldLength, network: field.size)
                    }
                }
            }
        }
    }
}
