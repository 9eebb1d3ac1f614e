//  The members of a pod that say what names its tasks know. Each text becomes part of a line of a
//  file, so none may contain blanks or control characters.

import Bytes
import JSON
import Kernel
import Model

extension PodSpec {
    static let dnsMembers: [Member<PodSpec>] = [
        .optional("servers", \.dns.servers, { $0.dns.servers = $1 }, .servers),
        .optional(
            "searches", \.dns.searches, { $0.dns.searches = $1 }, .texts { $0.searches() }),
        .optional(
            "options", \.dns.options, { $0.dns.options = $1 }, .texts { $0.resolverOptions() }),
    ]
}

extension HostEntry {
    static let members = SpecTable<HostEntry>([
        .required("ip", \.ip, { $0.ip = $1 }, .address()),
        .required("names", \.names, { $0.names = $1 }, .texts { $0.hostNames() }),
    ])

    fileprivate init() { self.init(ip: IPAddress(.v4, 0), names: []) }
}

extension DocumentLimits {
    /// Servers of a resolver: MAXNS of resolv.conf(5). Resolvers ignore more.
    static let servers = 3
    /// Search domains of a resolver, as in Kubernetes.
    static let searches = 32
    /// Bytes of all search domains and the blanks between them, as in Kubernetes.
    static let searchBytes = 2048
    /// Options of a resolver.
    static let resolverOptions = 32
    /// Entries of a hosts file.
    static let hosts = 256
    /// Names of an entry of a hosts file.
    static let hostNames = 64
}

extension Codec<[IPAddress]> {
    fileprivate static var servers: Codec {
        .list(.address(), limit: DocumentLimits.servers)
    }
}

extension Codec<[HostEntry]> {
    static var hosts: Codec {
        .objects(HostEntry.members, HostEntry()) { field in
            field.elements(limit: DocumentLimits.hosts)?.compactMap { element in
                var entry = HostEntry()
                return element.readObject(HostEntry.members, into: &entry) ? entry : nil
            }
        }
    }
}

extension Field {
    fileprivate func searches() -> [String]? {
        guard let elements = elements(limit: DocumentLimits.searches) else { return nil }
        let searches = elements.compactMap { element in
            element.parsed("a domain's name, or '.' for none") { text in
                text.isSame(as: ".") || isHostName(text, mayEndInDot: true) ? text : nil
            }
        }
        let bytes = searches.reduce(0) { $0 + $1.utf8.count + 1 }
        if bytes > DocumentLimits.searchBytes + 1 {
            refuse("is longer than \(DocumentLimits.searchBytes) bytes")
        }
        return searches
    }

    fileprivate func resolverOptions() -> [String]? {
        elements(limit: DocumentLimits.resolverOptions)?.compactMap { element in
            element.parsed("an option like 'ndots:2', of at most 64 bytes") { text in
                (1...64).contains(text.utf8.count) && text.utf8.allSatisfy(isOptionByte)
                    ? text : nil
            }
        }
    }

    fileprivate func hostNames() -> [String]? {
        guard let elements = elements(limit: DocumentLimits.hostNames) else { return nil }
        if elements.isEmpty { refuse("must not be empty") }
        return elements.compactMap { element in
            element.parsed("a host name of at most 254 bytes") { isHostName($0) ? $0 : nil }
        }
    }
}

/// Labels with dots between them. Unlike RFC 1123, a label may contain underscores, because names
/// of services do.
private func isHostName(_ text: String, mayEndInDot: Bool = false) -> Bool {
    var labels = text.fields(".", keepingEmpty: true)
    if mayEndInDot, labels.count > 1, labels.last?.isEmpty ?? false { labels.removeLast() }
    return text.utf8.count <= 254
        && labels.allSatisfy { label in
            (1...63).contains(label.utf8.count) && label.utf8.allSatisfy(isNameByte)
                && label.utf8.first != UInt8(ascii: "-")
        }
}

/// A letter, a digit, `-` or `_`.
func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
        true
    default: false
    }
}

private func isOptionByte(_ byte: UInt8) -> Bool {
    isNameByte(byte) || byte == UInt8(ascii: ":") || byte == UInt8(ascii: ".")
}
