// Entries to the kernel's elements, and back.

import Bytes
import Kernel

extension FirewallContent {
    /// One element, or two for an interval of one field.
    func raw(comment: String?) -> [RawElement] {
        switch self {
        case .port(let port):
            let host = port.hostAddress?.bytes ?? []
            let key =
                host + [port.transport.number, 0, 0, 0] + [UInt8](network: port.hostPort) + [
                    0, 0,
                ]
            let data = port.podAddress.bytes + [UInt8](network: port.podPort) + [0, 0]
            return [RawElement(key, data: data, comment: comment)]
        case .bridge(let name), .isolated(let name):
            return [RawElement(name.padded, comment: comment)]
        case .sameBridge(let name):
            return [RawElement(name.padded + name.padded, comment: comment)]
        case .subnet(let prefix), .masquerade(let prefix):
            let start = RawElement(prefix.network.address.bytes, comment: comment)
            guard let after = prefix.addressAfter else { return [start] }
            var end = RawElement(after.bytes)
            end.isEnd = true
            return [start, end]
        case .hairpin(let prefix):
            let (first, last) = (prefix.network.address.bytes, prefix.last.bytes)
            return [RawElement(first + first, end: last + last, comment: comment)]
        }
    }

    /// `nil` if Staunch could not have made the element. `after` is the key of its interval's end.
    init?(_ raw: RawElement, in set: FirewallSet, after: [UInt8]?) {
        guard raw.key.count == Int(set.key.size) else { return nil }
        switch set {
        case .ports4, .ports6, .anyport4, .anyport6:
            guard let port = PublishedPort(raw, in: set) else { return nil }
            self = .port(port)
        case .bridges, .isolated:
            guard let name = InterfaceName(raw.key[...].text) else { return nil }
            self = set == .bridges ? .bridge(name) : .isolated(name)
        case .sameBridge:
            guard let name = InterfaceName(raw.key[...].text), raw.key == name.padded + name.padded
            else { return nil }
            self = .sameBridge(name)
        case .subnets4, .subnets6, .masquerade4, .masquerade6:
            let last = after.flatMap { IPAddress(bytes: $0) }.map { $0.value &- 1 }
            guard let prefix = IPPrefix(first: raw.key[...], last: last) else { return nil }
            self = set == .subnets4 || set == .subnets6 ? .subnet(prefix) : .masquerade(prefix)
        case .hairpin4, .hairpin6:
            let half = Int(set.key.size) / 2
            let last = raw.keyEnd.flatMap { IPAddress(bytes: $0.prefix(half)) }
            guard let last, let prefix = IPPrefix(first: raw.key[..<half], last: last.value)
            else { return nil }
            self = .hairpin(prefix)
            guard self.raw(comment: raw.comment) == [raw] else { return nil }
        }
    }
}

extension PublishedPort {
    fileprivate init?(_ raw: RawElement, in set: FirewallSet) {
        guard let data = raw.data, data.count == Int(set.data.size) else { return nil }
        let host = raw.key[..<(raw.key.count - 8)]
        let rest = raw.key[host.endIndex...]
        let pod = data[..<(data.count - 4)]
        guard let transport = rest.first.flatMap(Transport.init(number:)),
            let hostPort = rest.network(UInt16.self, at: 4),
            let podAddress = IPAddress(bytes: pod),
            let podPort = data[pod.endIndex...].network(UInt16.self)
        else { return nil }
        self.init(
            hostAddress: IPAddress(bytes: host), transport: transport, hostPort: hostPort,
            podAddress: podAddress, podPort: podPort)
    }
}

extension IPPrefix {
    /// The first address after the prefix; `nil` if it ends with the last address of all.
    fileprivate var addressAfter: IPAddress? {
        let family = address.family
        return last.value == family.most ? nil : IPAddress(family, last.value + 1)
    }

    /// `nil` unless the range is that of a prefix. Without a last address it is all that follow.
    fileprivate init?(first: ArraySlice<UInt8>, last: UInt128?) {
        guard let address = IPAddress(bytes: first) else { return nil }
        let last = last ?? address.family.most
        let hosts = last &- address.value
        guard last >= address.value, hosts & (hosts &+ 1) == 0, address.value & hosts == 0 else {
            return nil
        }
        let length = address.family.bits - (128 - hosts.leadingZeroBitCount)
        self.init(address, length: length)
    }
}

extension ListedElement {
    /// The elements of a set, from the attributes of all its messages.
    static func list(_ raw: [RawElement], in set: FirewallSet) -> [ListedElement] {
        guard set.hasEnds else {
            return raw.map { element in
                ListedElement(
                    set: set, content: FirewallContent(element, in: set, after: nil),
                    comment: element.comment, raw: [element])
            }
        }
        // An interval ends at the next end. Keys are numbers in network order of equal lengths.
        let sorted = raw.sorted { one, other in
            one.key == other.key
                ? one.isEnd && !other.isEnd : one.key.lexicographicallyPrecedes(other.key)
        }
        var listed: [ListedElement] = []
        for (index, element) in sorted.enumerated() where !element.isEnd {
            let next = sorted.indices.contains(index + 1) ? sorted[index + 1] : nil
            let end = next.flatMap { $0.isEnd ? $0 : nil }
            listed.append(
                ListedElement(
                    set: set, content: FirewallContent(element, in: set, after: end?.key),
                    comment: element.comment, raw: [element] + (end.map { [$0] } ?? [])))
        }
        return listed
    }
}
