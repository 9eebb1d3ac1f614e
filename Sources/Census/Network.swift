// Sockets, and network resources of the host itself.

import Bytes
import Kernel
import Linux

extension Census {
    /// Adds sockets with a name of ours on the host, and every named socket in the pods'
    /// namespaces.
    mutating func addSockets(_ marks: Marks, _ table: ProcessTable) {
        for name in socketNames("/proc/thread-self/net/unix") where marks.areIn(name) {
            names.insert("socket \(shown(name))")
        }
        var seen = Set([link("/proc/thread-self/ns/net")])
        for process in table.ours where !process.isZombie {
            let namespace = link("/proc/\(process.pid)/ns/net")
            guard let namespace, seen.insert(namespace).inserted else { continue }
            for name in socketNames("/proc/\(process.pid)/net/unix") {
                names.insert("socket \(namespace) \(shown(name))")
            }
        }
    }

    /// The name is the last column. A connection has its listener's name, so each name counts once.
    private mutating func socketNames(_ path: String) -> Set<ArraySlice<UInt8>> {
        let names = socketLines(path).compactMap { line in
            line.firstIndex { $0 == slash || $0 == at }.map { line[$0...] }
        }
        return Set(names)
    }

    /// The kernel produces this file page by page, and concurrent changes of sockets (such as
    /// another test's) hide other sockets at page boundaries. A socket that any of several readings
    /// shows exists. A file of one page is read atomically.
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

    /// The daemon's ends of its clients' connections, as its descriptors name them; the observer
    /// itself may be such a client. Only established connections count (03 in unix(7)'s column, 01
    /// in proc(5)'s for TCP). A TCP connection that its client has left but the daemon still keeps
    /// does not count.
    mutating func clientSockets(_ marks: Marks) -> Set<[UInt8]> {
        let socket = Array("\(marks.runDirectory)/staunch.sock".utf8)
        let local = socketLines("/proc/thread-self/net/unix").map { $0.split(separator: space) }
            .filter { $0.count > 7 && $0[5].elementsEqual("03".utf8) && $0[7] == socket[...] }
            .map { $0[6] }
        let remote = ["tcp", "tcp6"].flatMap { kind in
            (bytes("/proc/thread-self/net/\(kind)") ?? []).split(separator: newline)
                .map { $0.split(separator: space) }
                .filter { $0.count > 9 && $0[3].elementsEqual("01".utf8) }.map { $0[9] }
        }
        return Set((local + remote).map { Array("socket:[".utf8) + $0 + [UInt8(ascii: "]")] })
    }

    /// Adds the host's interfaces, the ports of each bridge, and the addresses that CNI's
    /// host-local holds. host-local keeps a file for each address, which contains the container and
    /// its interface.
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
