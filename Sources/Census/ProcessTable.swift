// Our processes, zombies and threads. The daemon is counted separately and without its pid, so that
// a restarted daemon is no difference.

import Linux

/// A process as /proc/<pid>/stat shows it.
struct SeenProcess {
    let pid: Int32
    let parent: Int32
    let isZombie: Bool
    /// Without arguments, which may contain whole scripts.
    let command: String
    let threads: Int

    /// `pid (command) state parent …`; the command may contain any bytes.
    init?(stat line: [UInt8], pid: Int32) {
        guard let open = line.firstIndex(of: UInt8(ascii: "(")),
            let close = line.lastIndex(of: UInt8(ascii: ")")), open < close
        else { return nil }
        let fields = line[(close + 1)...].split(separator: space)
            .map { String(decoding: $0, as: UTF8.self) }
        guard fields.count > 17, let parent = Int32(fields[1]), let threads = Int(fields[17])
        else { return nil }
        self.pid = pid
        self.parent = parent
        self.threads = threads
        isZombie = fields[0] == "Z" || fields[0] == "X"
        command = shown(line[(open + 1)..<close])
    }
}

/// Every process of the machine, and which of them are ours.
struct ProcessTable {
    let all: [SeenProcess]
    let ours: [SeenProcess]
    let daemons: [SeenProcess]
    let daemonZombies: [SeenProcess]
    /// The open descriptors of each of our processes and of the daemons.
    let held: [Int32: [HeldDescriptor]]

    init(_ marks: Census.Marks) {
        let all = Census.pids.compactMap { pid in
            bytes("/proc/\(pid)/stat").flatMap { SeenProcess(stat: $0, pid: pid) }
        }
        // The census process and its ancestors name our directories, but are not ours.
        let asking = ProcessTable.ancestors(of: OwnProcess.pid, all)
        let others = all.filter { !asking.contains($0.pid) }
        daemons = others.filter { ProcessTable.isDaemon($0, marks) }
        let living = others.filter {
            !$0.isZombie && $0.command != "staunchd" && ProcessTable.bears(marks, $0)
        }
        let parents = Set(living.map(\.pid))
        let masters = Set(daemons.map(\.pid))
        // A zombie has no command line. If its parent is init, init takes its exit, and only its
        // number is left.
        let dead = others.filter {
            $0.isZombie && $0.parent != 1 && $0.command != "staunchd"
        }
        let zombies = dead.filter {
            parents.contains($0.parent) || ProcessTable.bears(marks, $0)
        }
        // Each helper of the daemon is a zombie for a moment.
        daemonZombies = dead.filter { masters.contains($0.parent) }
        self.all = all
        ours = living + zombies
        held = Dictionary(
            (ours + daemons).map { ($0.pid, HeldDescriptor.all(of: $0.pid)) }
        ) { first, _ in first }
    }

    /// Checks the cgroup first, because reading a command line takes the lock of the process's
    /// memory. That read can block if the process is stuck in a page fault.
    private static func bears(_ marks: Census.Marks, _ process: SeenProcess) -> Bool {
        if let cgroups = bytes("/proc/\(process.pid)/cgroup"), marks.areInCgroups(cgroups) {
            return true
        }
        return bytes("/proc/\(process.pid)/cmdline").map(marks.areIn) ?? false
    }

    /// Checks open files, because with default settings the daemon's command line names no
    /// directory.
    private static func isDaemon(_ process: SeenProcess, _ marks: Census.Marks) -> Bool {
        guard process.command == "staunchd" else { return false }
        let directory = Array((Path.real(marks.runDirectory) ?? marks.runDirectory).utf8)
        return HeldDescriptor.all(of: process.pid).contains {
            $0.target.starts(with: directory + [UInt8(ascii: "/")])
        }
    }

    private static func ancestors(of pid: Int32, _ all: [SeenProcess]) -> Set<Int32> {
        let parents = Dictionary(all.map { ($0.pid, $0.parent) }) { first, _ in first }
        var found: Set<Int32> = [pid]
        var next = parents[pid]
        while let parent = next, found.insert(parent).inserted { next = parents[parent] }
        return found
    }
}

extension Census {
    /// Every process of the machine.
    package static var pids: [Int32] { listing(of: "/proc").compactMap { Int32($0) } }

    /// Our processes and zombies, without the daemon.
    package static func marked(_ marks: Marks) -> [Int32] { ProcessTable(marks).ours.map(\.pid) }

    mutating func addProcesses(_ table: ProcessTable) {
        for process in table.ours {
            let kind = process.isZombie ? "zombie" : "process"
            names.insert("\(kind) \(process.pid) \(process.command)")
            guard process.threads > 1 else { continue }
            for thread in listing(of: "/proc/\(process.pid)/task") {
                names.insert("thread \(process.pid)/\(thread) \(process.command)")
            }
        }
    }
}
