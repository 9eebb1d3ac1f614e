// The CPU time of all processes below some cgroups, ended ones included. Shims leave the daemon's
// process tree, so the CPU time of no process covers everything (cgroups(7): v1's cpuacct and v2's
// cpu.stat sum up whole subtrees).

import Bytes
import Kernel
import Linux

final class CPUAccount: Sendable {
    private let hierarchy: CgroupHierarchy
    /// The cgroup of the programs that the run starts.
    private let own: String
    /// The cgroup of the pods. It exists during the whole run, to keep the CPU time of removed
    /// children.
    private let parent: String

    /// `nil` if no hierarchy accounts for CPU time.
    init?(_ stage: Stage) {
        let hierarchies: [CgroupHierarchy]
        do { hierarchies = try Cgroups.hierarchies() } catch { return nil }
        guard
            let hierarchy = hierarchies.first(where: { $0.has("cpuacct") })
                ?? hierarchies.first(where: \.isUnified)
        else { return nil }
        self.hierarchy = hierarchy
        own = hierarchy.directory(stage.cgroupParent + ".own")
        parent = hierarchy.directory(stage.cgroupParent)
        do {
            try Files.makeDirectories(own, mode: 0o755)
            try Files.makeDirectories(parent, mode: 0o755)
        } catch { return nil }
    }

    func add(_ pid: Int32) {
        ignoring("it has ended, and has no more CPU to account for") {
            () throws(SystemCallFailure) in
            try Files.writeControlFile(own + "/cgroup.procs", "\(pid)")
        }
    }

    /// Runs `body` with this process in the `own` cgroup, so that its children are accounted for.
    /// Returns the CPU time of this process itself, which the target did not use.
    func including(_ body: () -> Void) -> Double {
        let home = ProcFS.cgroups(of: OwnProcess.pid, in: hierarchy) ?? "/"
        let before = ProcessUsage.cpu(OwnProcess.pid) ?? 0
        add(OwnProcess.pid)
        body()
        ignoring("the cgroup that we came from is there for as long as we are") {
            () throws(SystemCallFailure) in
            try Files.writeControlFile(
                hierarchy.directory(home) + "/cgroup.procs", "\(OwnProcess.pid)")
        }
        return (ProcessUsage.cpu(OwnProcess.pid) ?? 0) - before
    }

    /// The CPU time until now, in seconds.
    var seconds: Double { read(own) + read(parent) }

    private func read(_ directory: String) -> Double {
        do {
            guard hierarchy.isUnified else {
                let text = try Files.text(directory + "/cpuacct.usage").prefix { $0 != "\n" }
                return (Double(text) ?? 0) / 1e9
            }
            let line = try Files.text(directory + "/cpu.stat").split(separator: "\n")
                .first { $0.hasPrefix("usage_usec ") }
            return (line?.split(separator: " ").last.flatMap { Double($0) } ?? 0) / 1e6
        } catch { return 0 }
    }

    func putAway() {
        _ = wait(atMost: 5) {
            do {
                try Files.removeDirectory(own)
                return true
            } catch { return false }
        }
    }
}

extension ProcFS {
    /// The cgroup of a process in one hierarchy; `/proc/<pid>/cgroup` lists hierarchies by
    /// controllers.
    fileprivate static func cgroups(of pid: Int32, in hierarchy: CgroupHierarchy) -> String? {
        let text: String
        do { text = try Files.text("/proc/\(pid)/cgroup") } catch { return nil }
        for line in text.split(separator: "\n") {
            let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard fields.count == 3 else { continue }
            let controllers = fields[1].split(separator: ",").map(String.init)
            let isMeant =
                hierarchy.isUnified ? controllers.isEmpty : controllers.contains("cpuacct")
            if isMeant { return String(fields[2]) }
        }
        return nil
    }
}

/// Resource usage of a process from /proc; `nil` if the process has ended.
enum ProcessUsage {
    /// Bytes that the process has written. Which of them are private depends on the children that
    /// it has forked at the moment, and which of the program's pages are, on other processes.
    static func anonymousMemory(_ pid: Int32) -> Double? {
        guard let text = text("/proc/\(pid)/smaps_rollup") else { return nil }
        let line = text.fields("\n").lazy.compactMap { $0.after("Anonymous:") }.first
        return line?.fields(" ").first.flatMap { Double($0) }.map { $0 * 1024 }
    }

    static func descriptors(_ pid: Int32) -> Int? {
        do { return try Files.names(in: "/proc/\(pid)/fd").count } catch { return nil }
    }

    /// User and system time in seconds, without the children's.
    static func cpu(_ pid: Int32) -> Double? {
        guard let text = text("/proc/\(pid)/stat"), let end = text.lastIndex(of: ")") else {
            return nil
        }
        let fields = text[end...].dropFirst(2).split(separator: " ")
        guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12])
        else { return nil }
        return (user + system) / 100  // USER_HZ is 100 on every Linux that Swift supports
    }

    private static func text(_ path: String) -> String? {
        do { return try Files.text(path) } catch { return nil }
    }
}
