// The files that tell a pod's tasks names: hosts(5), hostname(5) and resolv.conf(5).
//
// They are made once for each pod. The tasks cannot write to them: podman lets them, but the files
// are in the run directory, next to the records, and a task could fill its file system. A task that
// has to change one of them has a mount of its own there.

import Bytes
import Kernel
package import Model

package enum NameFiles {
    /// Their names in `/etc`.
    package static let names = ["hosts", "hostname", "resolv.conf"]

    /// The tasks' `/etc/hosts`. `host` is the host's, which only tasks in the host's network get.
    package static func hosts(of pod: Pod, host: [UInt8]) -> [UInt8] {
        var text = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"
        let own = [pod.spec.hostname] + (pod.spec.hostname == pod.name.text ? [] : [pod.name.text])
        // As in podman, a pod without an address knows itself by the loopback's.
        let attached = pod.attachments.compactMap(\.made).flatMap(\.addresses)
        let addresses = (pod.interfaces.flatMap(\.addresses) + attached).map { "\($0.address)" }
        var lines = ""
        for address in addresses.isEmpty ? ["127.0.0.1"] : addresses {
            lines += line(address, own)
        }
        for entry in pod.spec.hosts { lines += line("\(entry.ip)", entry.names) }
        if pod.spec.network.isOwn {
            text += lines
            return Array(text.utf8)
        }
        // The first line with a name counts, so nothing of the host's is replaced.
        return host + (host.last ?? 10 == 10 ? [] : [10]) + lines.utf8
    }

    package static func hostname(of pod: Pod) -> [UInt8] { Array("\(pod.spec.hostname)\n".utf8) }

    /// The tasks' `/etc/resolv.conf`: each part is the spec's, or else that of the pod's networks,
    /// or else the host's. `host` is the host's file. Its servers on the host's loopback are left
    /// out for a network of the pod's own, and so are IPv6 servers for a pod without such an
    /// address, because a resolver waits for each server. There may be none left: then, unlike in
    /// podman, no public server is put in, because it would be told all names.
    package static func resolver(
        of pod: Pod, networks: DNSSpec = DNSSpec(), host: [UInt8]
    ) -> [UInt8] {
        let (dns, network) = (pod.spec.dns, pod.spec.network)
        if !network.isOwn && dns == DNSSpec() { return host }
        let known = HostResolver(host)
        let hasV6 =
            network.bridge == nil
            || pod.interfaces.contains { $0.addresses.contains { $0.address.family == .v6 } }
        let hostServers = network.isOwn ? known.reachable(hasV6: hasV6) : known.servers
        let servers = first(
            dns.servers.map(\.description), networks.servers.map(\.description), hostServers)
        let searches = first(dns.searches, networks.searches, known.searches)
        let options = first(dns.options, networks.options, known.options)
        var text = servers.map { "nameserver \($0)\n" }.joined()
        if servers.isEmpty { text = "# No server of the host's can be reached from the pod.\n" }
        if !searches.isEmpty { text += "search \(searches.joined(separator: " "))\n" }
        if !options.isEmpty { text += "options \(options.joined(separator: " "))\n" }
        return Array(text.utf8)
    }

    /// Whether the file names servers, and all of them are on the loopback, as that of
    /// systemd-resolved does.
    package static func namesOnlyLoopback(_ resolver: [UInt8]) -> Bool {
        let known = HostResolver(resolver)
        return !known.servers.isEmpty && known.reachable(hasV6: true).isEmpty
    }

    private static func first(_ lists: [String]...) -> [String] {
        lists.first { !$0.isEmpty } ?? []
    }

    private static func line(_ address: String, _ names: [String]) -> String {
        "\(address)\t\(names.joined(separator: " "))\n"
    }
}

/// A resolv.conf(5) of the host.
private struct HostResolver {
    /// Also servers that are no plain addresses, such as one with a zone.
    var servers: [String] = []
    var searches: [String] = []
    var options: [String] = []

    init(_ content: [UInt8]) {
        for line in content.split(separator: 10) {
            let words = line.split { $0 == 0x20 || $0 == 0x09 || $0 == 0x0d }
                .map { String(decoding: $0, as: UTF8.self) }
            switch words.first {
            case "nameserver"? where words.count > 1: servers.append(words[1])
            // The last one counts.
            case "search"?, "domain"?: searches = Array(words.dropFirst())
            case "options"?: options += words.dropFirst()
            default: break
            }
        }
    }

    /// At most three, because resolvers ask no more.
    func reachable(hasV6: Bool) -> [String] {
        let addresses = servers.compactMap { IPAddress($0) }
            .filter { !$0.isLoopback && (hasV6 || $0.family == .v4) }
        return addresses.prefix(3).map(\.description)
    }
}

extension IPAddress {
    /// 127.0.0.0/8 (RFC 1122) and ::1 (RFC 4291).
    fileprivate var isLoopback: Bool { family == .v4 ? value >> 24 == 127 : value == 1 }
}
