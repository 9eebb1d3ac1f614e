// The programs of health checks that the shim starts itself (Linux/TaskStart.swift), if it can
// (CheckProgram.swift).
//
// They have no keeper. The helper that starts a program may wait in the kernel, and the shim does
// not wait for it. The result follows from the report of the helper and its reaper. Processes that
// the program leaves stay in the task. A program whose result does not count any more is killed,
// with all of the check's cgroup, until nothing is left.

import Kernel
import Linux
import ShimProtocol

final class CheckRun {
    let task: TaskSlot
    private let cgroup: ExecCgroup
    private var start: TaskStart
    /// `nil` when it has been reaped.
    private var helper: Int32?
    /// CLOCK_BOOTTIME in nanoseconds of the next SIGKILL; `nil` if there is nothing to kill.
    private(set) var killAt: Int64?
    private var kills = 0
    /// Nothing more will be told, or only about processes that were left.
    private(set) var isOver = false

    fileprivate init(_ task: TaskSlot, _ cgroup: ExecCgroup, _ start: consuming TaskStart) {
        self.task = task
        self.cgroup = cgroup
        helper = start.helper
        self.start = start
    }

    /// Readable when there is something to read about it.
    var number: CInt { start.report.number }

    /// For people who look for it.
    var place: String { "pid \(start.reaper ?? start.helper)" }

    /// The outcome, if the program has ended or was not executed.
    fileprivate func outcome() -> WireExecEnd.Outcome? {
        start.look()
        isOver = start.isOver || start.leftProcesses
        guard isOver else { return nil }
        if let refusal = start.refusal { return .failed(.runtime, detail: refusal.description) }
        if let exit = start.exit { return WireExecEnd.Outcome(exit) }
        let killed = start.reaper == nil ? "helper that starts" : "parent of"
        return .failed(.system, detail: "a process has killed the \(killed) the program")
    }

    func reaped(_ pid: Int32) { if helper == pid { helper = nil } }

    /// Leaves the processes of the program to the task, if it has left any.
    fileprivate func dissolve() { cgroup.dissolve() }

    /// Returns whether nothing is left. If something is, it is killed again after a while.
    fileprivate func kill(_ now: Int64) -> Bool {
        _ = outcome()
        // A reaper that is not in the cgroup yet is the shim's child after that, and is seen next.
        if let helper { Children.signal(helper, 9) }
        if cgroup.killAndRemove(), isOver {
            killAt = nil
            return true
        }
        killAt = now + Shim.pause(after: kills)
        kills += 1
        return false
    }
}

extension Shim {
    /// The daemon gives every shim /dev/null as its standard input. In the shim's root there is
    /// none.
    private static let null: CInt = 0

    /// Starts the program, whose output and result belong to the check. If this fails, the check
    /// has to be dropped.
    func start(
        _ program: TaskProgram, for check: HealthCheck, _ slot: TaskSlot,
        _ process: ProcessIdentity, _ cgroup: ExecCgroup
    ) throws(SystemCallFailure) {
        try cgroup.make()
        let ends = try Pipe().release()
        let output = OwnedDescriptor(adopting: ends.reading)
        let written = OwnedDescriptor(adopting: ends.writing)
        try output.setNonblocking()
        // The process is a child that was not reaped, so no other one has its pid.
        guard let task = PidDescriptor.opening(process.pid) else {
            throw SystemCallFailure(call: "pidfd_open", subject: "the task", errno: 3)
        }
        let run = CheckRun(
            slot, cgroup,
            try TaskStart.begin(
                program, in: task.descriptor, cgroups: cgroup.directories(slot.paths, hierarchies),
                input: Shim.null, output: written.number, errors: written.number))
        checkRuns.append(run)
        check.run = run
        check.stream = .some(output)
        try epoll.add(run.number, .readable, tag: Watched.check(run.number).tag)
    }

    /// The helper or the reaper of a run has told something.
    func runReady(_ run: CheckRun) {
        guard !run.isOver, let outcome = run.outcome() else { return }
        epoll.remove(run.number)
        if run.killAt == nil, outcome.hasRun {
            run.dissolve()
            checkRuns.removeAll { $0 === run }
        } else {
            kill(run)
        }
        if let check = run.task.health?.check, check.run === run {
            checkEnded(run.task, check, outcome, timedOut: false)
        }
    }

    /// Kills what is left of a run, again and again until nothing is.
    func kill(_ run: CheckRun) {
        let isGone = run.kill(SystemClock.sinceBoot)
        if run.isOver { epoll.remove(run.number) }
        guard isGone else { return }
        checkRuns.removeAll { $0 === run }
        goOn(afterExecOf: run.task)
    }

    func killCheckRuns(_ now: Int64) {
        for run in checkRuns where run.killAt.map({ $0 <= now }) ?? false { kill(run) }
    }
}
