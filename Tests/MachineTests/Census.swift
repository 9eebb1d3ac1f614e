// What a daemon and its pods have on the machine, by name: compared before and after (LAWS.md).

import Foundation

struct Census: Equatable {
    /// How ours are known: every path of ours is below `home`, every cgroup below `cgroupParent`.
    struct Marks {
        let home: String
        let cgroupParent: String
        /// Not `home` itself, which another's name may go on from.
        var below: String { home + "/" }
    }

    /// Such as `mount 4026531841 /tmp/staunch-test-1-1/run tmpfs`.
    private(set) var names: Set<String> = []

    init(_ marks: Marks) {
        let ours = Census.marked(marks)
        for process in ours {
            names.insert("\(process.isZombie ? "zombie" : "process") \(process)")
        }
        addMounts(marks)
        // The parent itself is the daemon's, and no pod's.
        for path in Census.cgroups(of: marks.cgroupParent)
        where !path.hasSuffix(marks.cgroupParent) { names.insert("cgroup \(path)") }
        addFiles(marks)
        addSockets(marks)
        addNetworkNamespaces(of: ours)
    }

    /// `+` came, `-` went; the daemon itself is among neither.
    func difference(from before: Census) -> String {
        let came = names.subtracting(before.names).sorted().map { "+ " + $0 }
        let went = before.names.subtracting(names).sorted().map { "- " + $0 }
        return (came + went).joined(separator: "\n")
    }

    /// Mounts in every mount namespace that some process is in, each namespace once. An overlay
    /// whose upper layer is ours counts wherever it is mounted: the options name it. The daemon's
    /// own tmpfs does not: whoever makes a mount namespace meanwhile has a copy of it.
    private mutating func addMounts(_ marks: Marks) {
        var seen: Set<String> = []
        for pid in Census.pids {
            let namespace = link("/proc/\(pid)/ns/mnt")
            guard let namespace, seen.insert(namespace).inserted,
                let table = text(of: "/proc/\(pid)/mountinfo")
            else { continue }
            for line in table.split(separator: "\n") where line.contains(marks.below) {
                let words = line.split(separator: " ")
                if words[4] == marks.home + "/run" { continue }
                let kind = words.firstIndex(of: "-").map { words[$0 + 1] } ?? "?"
                names.insert("mount \(namespace) \(words[4]) \(kind)")
            }
        }
    }

    private mutating func addFiles(_ marks: Marks) {
        for directory in ["run", "data", "log"].map({ "\(marks.home)/\($0)" }) {
            let below = FileManager.default.enumerator(atPath: directory)
            while let path = below?.nextObject() as? String {
                names.insert("file \(directory)/\(path)")
            }
        }
    }

    /// Whether they differ, and in nothing but sockets.
    func differsOnlyInSockets(from other: Census) -> Bool {
        let difference = names.symmetricDifference(other.names)
        return !difference.isEmpty && difference.allSatisfy { $0.hasPrefix("socket ") }
    }

    private mutating func addSockets(_ marks: Marks) {
        // The kernel tells this file piece by piece, and sockets that come or go elsewhere
        // meanwhile (another test's flood) hide others: what any of many readings shows is there.
        for _ in 0..<16 { addSocketsSeenNow(marks) }
    }

    private mutating func addSocketsSeenNow(_ marks: Marks) {
        for line in linesOfProc("/proc/net/unix") {
            // A connection bears its listener's name, so each name counts once.
            guard let start = line.firstIndex(of: "/"), line[start...].contains(marks.below) else {
                continue
            }
            names.insert("socket \(line[start...])")
        }
    }

    /// Those that our processes are in or hold open, other than the host's.
    private mutating func addNetworkNamespaces(of processes: [MarkedProcess]) {
        let host = link("/proc/self/ns/net")
        for process in processes {
            let held = FileManager.default.subpaths(atPath: "/proc/\(process.pid)/fd") ?? []
            let links =
                ["/proc/\(process.pid)/ns/net"] + held.map { "/proc/\(process.pid)/fd/\($0)" }
            for name in links.compactMap(link) where name.hasPrefix("net:[") && name != host {
                names.insert("network \(name)")
            }
        }
    }
}

struct MarkedProcess: CustomStringConvertible {
    let pid: Int32
    let isZombie: Bool
    let command: String

    /// Without arguments: they hold whole scripts.
    var description: String { "\(pid) \(command)" }
}

extension Census {
    static var pids: [Int32] { entries(in: "/proc").compactMap { Int32($0) } }

    /// Known by their command line or by their cgroup; the daemon and this test are not a pod's.
    static func marked(_ marks: Marks) -> [MarkedProcess] {
        pids.compactMap { pid in
            guard pid != ProcessInfo.processInfo.processIdentifier,
                let status = text(of: "/proc/\(pid)/stat"),
                let arguments = text(of: "/proc/\(pid)/cmdline"),
                let cgroups = text(of: "/proc/\(pid)/cgroup"),
                let open = status.firstIndex(of: "("), let close = status.lastIndex(of: ")")
            else { return nil }
            let command = String(status[status.index(after: open)..<close])
            let isMarked = arguments.contains(marks.below) || isBelow(marks.cgroupParent, cgroups)
            guard isMarked, command != "staunchd" else { return nil }
            let fields = status[close...].dropFirst(2).split(separator: " ")
            let isZombie = fields[0] == "Z"
            // An orphan's exit is init's to take, and nothing of it is left but its number.
            if isZombie && fields[1] == "1" { return nil }
            return MarkedProcess(pid: pid, isZombie: isZombie, command: command)
        }
    }

    /// Every process in a cgroup at or below `parent`, in any hierarchy.
    static func processes(in parent: String) -> Set<Int32> {
        let lists = cgroups(of: parent).compactMap { text(of: $0 + "/cgroup.procs") }
        return Set(lists.flatMap { $0.split(separator: "\n").compactMap { Int32($0) } })
    }

    /// `parent` and every directory below it, in every hierarchy that is mounted.
    static func cgroups(of parent: String) -> [String] {
        hierarchies.flatMap { mount -> [String] in
            guard exists(mount + parent) else { return [] }
            var found = [mount + parent]
            let below = FileManager.default.enumerator(atPath: mount + parent)
            while let path = below?.nextObject() as? String {
                if below?.fileAttributes?[.type] as? FileAttributeType == .typeDirectory {
                    found.append("\(mount)\(parent)/\(path)")
                }
            }
            return found
        }
    }

    static var hierarchies: [String] {
        (text(of: "/proc/mounts") ?? "").split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ")
            return words[2] == "cgroup" || words[2] == "cgroup2" ? String(words[1]) : nil
        }
    }

    private static func isBelow(_ parent: String, _ cgroups: String) -> Bool {
        cgroups.split(separator: "\n").contains { line in
            let path = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)[2]
            return path == parent || path.hasPrefix(parent + "/")
        }
    }
}

/// `names` is a member in there.
private func entries(in directory: String) -> [String] { names(in: directory) }

private func link(_ path: String) -> String? {
    do { return try FileManager.default.destinationOfSymbolicLink(atPath: path) } catch {
        return nil
    }
}
