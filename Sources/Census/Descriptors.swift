// The descriptors of our processes, counted by kind, and resources that only a descriptor shows.

import Bytes
import Linux

/// An entry of /proc/<pid>/fd. Its target is never opened, so the census cannot wait for a disk.
struct HeldDescriptor {
    let number: String
    /// A path, or a name such as `socket:[4711]` or `anon_inode:[eventpoll]`.
    let target: [UInt8]

    static func all(of pid: Int32) -> [HeldDescriptor] {
        listing(of: "/proc/\(pid)/fd").compactMap { number in
            Files.linkTarget("/proc/\(pid)/fd/\(number)")
                .map { HeldDescriptor(number: number, target: $0) }
        }
    }

    /// Whether the target is a file in some mount, and not a file that the kernel made for itself.
    var isFile: Bool {
        target.first == UInt8(ascii: "/") && !target.starts(with: "/memfd:".utf8)
    }

    /// The kind: `file`, `socket`, `pipe`, `epoll`, `pidfd` …
    var kind: String {
        if isFile { return "file" }
        let name = shown(target)
        guard let bracketed = name.after("anon_inode:") else {
            return name.begins(with: "/memfd:") ? "memfd" : name.upTo(":")
        }
        let inode = (bracketed.after("[") ?? bracketed).upTo("]")
        return inode == "eventpoll" ? "epoll" : inode
    }

    static func counted(_ descriptors: [HeldDescriptor]) -> [String] {
        Dictionary(grouping: descriptors, by: \.kind).map { "\($0.key) \($0.value.count)" }
    }
}

extension Census {
    mutating func addDescriptors(of table: ProcessTable) {
        for process in table.ours {
            for count in HeldDescriptor.counted(table.held[process.pid] ?? []) {
                names.insert("descriptors \(process.pid) \(process.command) \(count)")
            }
        }
    }

    mutating func addDaemon(of table: ProcessTable, _ marks: Marks) {
        let clients = clientSockets(marks)
        let held = table.daemons.flatMap { table.held[$0.pid] ?? [] }
            .filter { !clients.contains($0.target) }
        for count in HeldDescriptor.counted(held) { names.insert("daemon descriptors \(count)") }
        for zombie in table.daemonZombies {
            names.insert("daemon zombie \(zombie.pid) \(zombie.command)")
        }
    }

    /// Adds the network namespaces, except the host's, that our processes are in or hold open.
    /// Shims hold the pods' namespaces (DESIGN.md), so one of our processes holds any that is left.
    mutating func addNetworkNamespaces(of table: ProcessTable) {
        let host = link("/proc/thread-self/ns/net")
        for process in table.ours + table.daemons {
            let held = (table.held[process.pid] ?? []).map { shown($0.target) }
            let own = link("/proc/\(process.pid)/ns/net").map { [$0] } ?? []
            for name in own + held where name.begins(with: "net:[") && name != host {
                names.insert("network \(name)")
            }
        }
    }

    /// Adds the namespaces of the other kinds, except the host's, that our processes hold open.
    /// Without a descriptor a namespace ends with its processes, and those are listed.
    mutating func addHeldNamespaces(of table: ProcessTable) {
        let kinds = Set(listing(of: "/proc/self/ns")).subtracting(["net"])
        for held in (table.ours + table.daemons).flatMap({ table.held[$0.pid] ?? [] }) {
            let name = shown(held.target)
            let kind = name.upTo(":")
            guard kinds.contains(kind), name != link("/proc/self/ns/\(kind)") else { continue }
            names.insert("namespace \(name)")
        }
    }
}
