// Sockets, and what of the network stands on the host itself.

import Bytes
import Linux

extension Census {
    /// Sockets with a name of ours on the host, and every named one in the pods' own namespaces.
    mutating func addSockets(_ marks: Marks, _ table: ProcessTable) {
        for name in socketNames("/proc/self/net/unix") where marks.areIn(name) {
            names.insert("socket \(shown(name))")
        }
        var seen = Set([link("/proc/self/ns/net")])
        for process in table.ours where !process.isZombie {
            let namespace = link("/proc/\(process.pid)/ns/net")
            guard let namespace, seen.insert(namespace).inserted else { continue }
            for name in socketNames("/proc/\(process.pid)/net/unix") {
                names.insert("socket \(namespace) \(shown(name))")
            }
        }
    }

    /// The name is the last column. A connection bears its listener's, so each counts once.
    private mutating func socketNames(_ path: String) -> Set<ArraySlice<UInt8>> {
        let names = socketLines(path).compactMap { line in
            line.firstIndex { $0 == slash || $0 == at }.map { line[$0...] }
        }
        return Set(names)
    }

    /// The kernel tells this file a page at a time, and sockets that come or go meanwhile (another
    /// test's flood) hide others at the edges: what any of many readings shows is there. What fits
    /// on a page is told in one piece.
    private mutating func socketLines(_ path: String) -> Set<ArraySlice<UInt8>> {
        var found: Set<ArraySlice<UInt8>> = []
        for _ in 0..<16 {
            do {
                let text = try Files.read(path, limit: 64 << 20)
                found.formUnion(text.split(separator: newline))
                if text.count < page { break }
            } catch {
                addUnreadable(path, error.errnoText)
                break
            }
        }
        return found
    }

    /// The daemon's ends of its clients' connections, as its descriptors name them: whoever looks
    /// at it is one. Established ones (unix(7)'s column says 03, proc(5)'s for TCP 01), so that one
    /// that a client has left, and that is kept over TCP, is not among them.
    mutating func clientSockets(_ marks: Marks) -> Set<[UInt8]> {
        let socket = Array("\(marks.runDirectory)/staunch.sock".utf8)
        let local = socketLines("/proc/self/net/unix").map { $0.split(separator: space) }
            .filter { $0.count > 7 && $0[5].elementsEqual("03".utf8) && $0[7] == socket[...] }
            .map { $0[6] }
        let remote = ["tcp", "tcp6"].flatMap { kind in
            (bytes("/proc/self/net/\(kind)") ?? []).split(separator: newline)
                .map { $0.split(separator: space) }
                .filter { $0.count > 9 && $0[3].elementsEqual("01".utf8) }.map { $0[9] }
        }
        return Set((local + remote).map { Array("socket:[".utf8) + $0 + [UInt8(ascii: "]")] })
    }

    /// The host's interfaces, what is in which bridge, and the addresses that CNI's host-local
    /// holds: a file for each, which bears the container and its interface.
    mutating func addHostNetwork() {
        for interface in listing(of: "/sys/class/net") {
            guard let index = lines("/sys/class/net/\(interface)/ifindex").first else { continue }
            names.insert("interface \(interface) \(index)")
            for port in listing(of: "/sys/class/net/\(interface)/brif") {
                names.insert("port \(interface)/\(port)")
            }
        }
        for network in listing(of: held) {
            for address in listing(of: "\(held)/\(network)")
            where address != "lock" && !address.begins(with: "last_reserved_ip") {
                let holder = lines("\(held)/\(network)/\(address)").joined(separator: " ")
                names.insert("address \(network) \(address) \(shown(holder.utf8))")
            }
        }
    }
}

private let slash = UInt8(ascii: "/")
private let at = UInt8(ascii: "@")
private let page = 4096
private let held = "/var/lib/cni/networks"
