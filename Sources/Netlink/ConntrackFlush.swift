// Removes connections from conntrack, so that no packet is translated to an address that has a new
// owner.

import Bytes
import Glibc
package import Kernel

extension NetfilterSocket {
    /// Removes the entries that any of the filters chooses. A kernel without conntrack has none.
    package func flush(_ filters: [ConntrackFilter]) throws(SystemCallFailure) {
        var rest: [ConntrackFilter] = []
        for filter in filters where try !flushed(filter) { rest.append(filter) }
        try flushEach(rest)
    }

    /// The number of entries that the filter chooses; 0 if the kernel has no conntrack.
    package func count(_ filter: ConntrackFilter) throws(SystemCallFailure) -> Int {
        try entries(filter.family) { filter.matches($0) }.count
    }

    /// `false` if the kernel does not filter this right. Linux, from 5.8 to at least 6.18, compares
    /// IPv6 addresses the wrong way round (ctnetlink_filter_match_tuple): a flush of one address
    /// removes the connections of all others. A kernel without filters takes the tuple for the
    /// whole identity of one connection, finds that it is not complete, and removes nothing.
    private func flushed(_ filter: ConntrackFilter) throws(SystemCallFailure) -> Bool {
        if filter.family == .v6 { return false }
        do { try socket.exchange([filter.removal], effect: "conntrack.flush") } catch {
            if error.saysNoConntrack { return false }
            if error.errno != noEntry { throw error }
        }
        return true
    }

    /// The same without the kernel's filter: lists all entries, and removes each by its identity.
    /// A list costs some milliseconds, because it locks each bucket of the kernel's table.
    func flushEach(_ filters: [ConntrackFilter]) throws(SystemCallFailure) {
        for family in [IPAddress.Family.v4, .v6] {
            let own = filters.filter { $0.family == family }
            if own.isEmpty { continue }
            let removals = try entries(family) { entry in own.contains { $0.matches(entry) } }
                .map { $0.removal(family) }
            for start in stride(from: 0, to: removals.count, by: 1000) {
                let part = Array(removals[start..<min(start + 1000, removals.count)])
                // An entry may end by itself meanwhile.
                try socket.exchange(part, effect: "conntrack.flush") { $1 == noEntry }
            }
        }
    }

    private func entries(
        _ family: IPAddress.Family, where isWanted: (ConntrackEntry) -> Bool
    ) throws(SystemCallFailure) -> [ConntrackEntry] {
        let message = NetlinkMessage(
            "IPCTNL_MSG_CT_GET", Conntrack.get, "\(family)", [],
            Netfilter.head(Family.number(family)))
        do {
            return try socket.dump(message).compactMap { ConntrackEntry($0) }.filter(isWanted)
        } catch {
            if error.saysNoConntrack || error.errno == noEntry { return [] }
            throw error
        }
    }
}

extension ConntrackEntry {
    fileprivate func removal(_ family: IPAddress.Family) -> NetlinkMessage {
        var message = NetlinkMessage(
            "IPCTNL_MSG_CT_DELETE", Conntrack.delete, "\(original.source)", [],
            Netfilter.head(Family.number(family)))
        message.append(identity)
        return message
    }
}

extension SystemCallFailure {
    /// nfnetlink answers EINVAL for a subsystem that it lacks, and for what it does not know.
    fileprivate var saysNoConntrack: Bool {
        [EINVAL, EOPNOTSUPP, EPROTONOSUPPORT].contains(errno)
    }
}

extension ConntrackFilter {
    /// IPCTNL_MSG_CT_DELETE with CTA_FILTER, which says which parts of the tuples count.
    fileprivate var removal: NetlinkMessage {
        var message = NetlinkMessage(
            "IPCTNL_MSG_CT_DELETE", Conntrack.delete, subject, [],
            Netfilter.head(Family.number(family)))
        message.attributes {
            let originalParts =
                (source == nil ? 0 : Conntrack.hasSource)
                | (destination == nil ? 0 : Conntrack.hasDestination)
                | (port == nil ? 0 : Conntrack.hasTransport | Conntrack.hasDestinationPort)
            if originalParts != 0 {
                $0.tuple(Conntrack.original, source, destination, port)
            }
            if let replySource { $0.tuple(Conntrack.reply, replySource, nil, nil) }
            $0.nest(Conntrack.filter) {
                if originalParts != 0 { $0.put(Conntrack.originalParts, host: originalParts) }
                if replySource != nil { $0.put(Conntrack.replyParts, host: Conntrack.hasSource) }
            }
        }
        return message
    }

    private var subject: String {
        let address = source ?? replySource ?? destination
        let port = port.map { " \($0.transport) port \($0.number)" }
        return "\(address.map(\.description) ?? "\(family)")\(port ?? "")"
    }
}

extension AttributeWriter {
    fileprivate mutating func tuple(
        _ type: UInt16, _ source: IPAddress?, _ destination: IPAddress?,
        _ port: ConntrackFilter.Port?
    ) {
        nest(type) {
            if source != nil || destination != nil {
                $0.nest(Conntrack.addresses) {
                    if let source { $0.put(source.conntrackSource, source.bytes) }
                    if let destination {
                        $0.put(destination.conntrackSource + 1, destination.bytes)
                    }
                }
            }
            guard let port else { return }
            $0.nest(Conntrack.transport) {
                $0.put(Conntrack.number, [port.transport.number])
                $0.put(Conntrack.destinationPort, [UInt8](network: port.number))
            }
        }
    }
}

extension IPAddress {
    /// The type of a source's attribute; a destination's is the next.
    fileprivate var conntrackSource: UInt16 {
        family == .v4 ? Conntrack.source4 : Conntrack.source6
    }
}
