// A crash of all processes: each is held at its next failpoint, and then all of them are killed.

import Census
import Foundation
import Glibc
import Synchronization
import Testing

/// Waits on a thread of its own for a plan to fire, and then kills all processes of a daemon.
final class Executioner: Sendable {
    private let isStopped = Atomic<Bool>(false)
    private let hasEnded = Atomic<Bool>(false)

    init(_ marks: Census.Marks, _ plan: Plan) {
        Thread.detachNewThread {
            while !self.isStopped.load(ordering: .acquiring) && plan.fired == nil {
                Thread.sleep(forTimeInterval: 0.001)
            }
            if plan.fired != nil { Executioner.killAll(marks) }
            self.hasEnded.store(true, ordering: .releasing)
        }
    }

    func stop() {
        isStopped.store(true, ordering: .releasing)
        while !hasEnded.load(ordering: .acquiring) { Thread.sleep(forTimeInterval: 0.001) }
    }

    /// Kills the daemon, its shims, their helpers and the runtime's processes, but no task.
    static func killAll(_ marks: Census.Marks) {
        var areLeft = true
        while areLeft {
            let victims = victims(marks)
            for pid in victims { kill(pid, SIGKILL) }
            // A reaper waits for all processes of its namespace, and a paused one does not end.
            areLeft = victims.contains { text(of: "/proc/\($0)/comm") != "staunch-reaper\n" }
            Thread.sleep(forTimeInterval: 0.001)
        }
    }

    private static func victims(_ marks: Census.Marks) -> [Int32] {
        Census.pids.filter { pid in
            guard let name = text(of: "/proc/\(pid)/comm"),
                name.hasPrefix("staunch") || name.hasPrefix("runc"),
                let status = text(of: "/proc/\(pid)/stat"), !status.contains(") Z "),
                let arguments = text(of: "/proc/\(pid)/cmdline"),
                let cgroups = text(of: "/proc/\(pid)/cgroup")
            else { return false }
            return marks.areIn(arguments.utf8) || cgroups.contains(marks.cgroupParent + "/")
        }
    }
}
