// Children that have ended: the shim inspects them, stores the exit, and only then reaps (law 8).

import Kernel
import Linux
import ShimProtocol

extension Shim {
    func reapAll() {
        while let exit = Children.peekExit() {
            if let slot = slots.values.first(where: { $0.isAlive && $0.process?.pid == exit.pid }) {
                let hasRun = hasRun(exit.pid) || slot.hasRun
                endFilterCheck(slot, ProcFS.seccomp(of: exit.pid), hasRun: hasRun)
                store(exit, hasRun: hasRun, of: slot)
                Children.reapStored(exit.pid)
                tasksEnded(slot)
            } else if let slot = slots.values.first(where: { $0.job?.pid == exit.pid }) {
                Children.reap(exit.pid)
                finishJob(of: slot, exit)
            } else if let slot = slots.values.first(where: { $0.opening?.pid == exit.pid }) {
                Children.reap(exit.pid)
                logOpened(slot)
            } else if let slot = slots.values.first(where: { $0.output?.writer == exit.pid }) {
                Children.reap(exit.pid)
                writerEnded(slot)
            } else if let exec = execs.first(where: { $0.keeper == exit.pid }) {
                Children.reap(exit.pid)
                keeperEnded(exec)
            } else if let place = formerWriters.firstIndex(of: exit.pid) {
                formerWriters.remove(at: place)
                Children.reap(exit.pid)
                goOnWithRemovals()
            } else if let job = removal, job.pid == exit.pid {
                Children.reap(exit.pid)
                removal = nil
                reply(to: job.waiting, answer(job))
            } else if reaper?.pid == exit.pid {
                Children.reap(exit.pid)
                reaper = nil
                leaveIfAsked()
            } else if partJob?.job.pid == exit.pid {
                Children.reap(exit.pid)
                partEnded()
            } else {
                if runtimeIsCreating {
                    orphans[exit.pid] = Orphan(
                        exit: exit, hasRun: hasRun(exit.pid),
                        seccomp: ProcFS.seccomp(of: exit.pid),
                        cgroups: ProcFS.cgroups(of: exit.pid) ?? [])
                }
                for run in checkRuns { run.reaped(exit.pid) }
                Children.reap(exit.pid)
            }
        }
    }

    var runtimeIsCreating: Bool { slots.values.contains { $0.job?.kind == .create } }

    /// Reads a zombie, which keeps the answer until it is reaped. If there is no answer because
    /// descriptors ran out, it counts as a yes, so that the exit is reported unchanged.
    private func hasRun(_ pid: Int32) -> Bool { ProcFS.hasExecuted(pid) ?? true }

    /// Stores the exit in a file that was made with the task and is overwritten in place: a full
    /// file system cannot prevent that. If the program was never executed, the runtime's init has
    /// ended, and its code is not the task's.
    func store(_ exit: ChildExit, hasRun: Bool, of slot: TaskSlot) {
        guard slot.exit == nil else { return }
        let record = TaskExit(
            status: hasRun ? TaskExit.Status(exit) : .neverRan(signal: exit.signal),
            oomKilled: cgroup(of: slot).sawOutOfMemory(), finishedAt: SystemClock.wall)
        storeRecord(record, of: slot)
    }

    func storeRecord(_ record: TaskExit, of slot: TaskSlot) {
        slot.restarts?.isStored = false
        ignoring("the status is told to the daemon too, and its file has room for it") {
            () throws(SystemCallFailure) in
            guard slot.restarts != nil else {
                return try ExitFile.write(record, at: slot.paths.exitFile)
            }
            try slot.attemptRecords.store(record, of: slot.attempt)
            slot.restarts?.isStored = true
        }
        slot.exit = record
    }

    /// The task's first process is reaped: reports that, and continues what waited for it.
    func tasksEnded(_ slot: TaskSlot) {
        slot.output?.taskEnded()
        endHealth(slot)
        // A daemon that knows the exit then also knows whether the log is complete.
        tell(slot)
        planRestart(slot)
        if slot.restarts != nil {
            tellOfAttempts(slot)
        } else if let exit = slot.exit {
            send(.exited(task: slot.name, attempt: slot.attempt, exit))
        }
        sendHeld(slot)
        let isRestarted = slot.restarts?.next != nil
        if isRestarted || !settings.endsTogether, slot.stop == nil {
            // No PID namespace ends the others, or the cgroup has to be seen empty: they are killed
            // until none is left.
            let now = SystemClock.sinceBoot
            slot.stop = StopState(ids: [], signal: nil, killFrom: now, nextLook: now)
        }
        advanceStop(slot)
    }

    private func finishJob(of slot: TaskSlot, _ exit: ChildExit) {
        guard let job = slot.job else { return }
        slot.job = nil
        job.talk?.end()
        switch job.kind {
        case .mount: mounted(slot, job)
        case .create: created(slot, job, exit)
        case .start: started(slot, job, exit)
        case .delete: deleted(slot, job)
        case .unmount: unmounted(slot, job)
        case .remove: removed(slot, job)
        case .freeze, .thaw: frozen(slot, job)
        case .update: updated(slot, job)
        case .make, .openLog: break  // not in `slot.job`
        }
        advanceStop(slot)
        advanceUpdate(slot)
        advanceRestart(slot)
    }
}

extension TaskExit.Status {
    fileprivate init(_ exit: ChildExit) {
        self = exit.code.map { .code($0) } ?? exit.signal.map { .signal($0) } ?? .unknown
    }
}

/// A child that ended before the runtime had named the task's process.
struct Orphan {
    let exit: ChildExit
    let hasRun: Bool
    let seccomp: SeccompState?
    /// Its cgroups when it ended: cgroup v1 shows `/` for an ended process.
    let cgroups: [String]
}

/// A task's exit, stored for a daemon that finds the shim gone.
enum ExitFile {
    /// Makes room for a status that is not known yet.
    static func prepare(_ path: String) throws(SystemCallFailure) {
        try Files.replace(path, [UInt8](repeating: 0, count: TaskExit.fileSize))
    }

    static func write(_ exit: TaskExit, at path: String) throws(SystemCallFailure) {
        let content = exit.fileContent()
        do throws(SystemCallFailure) {
            // O_WRONLY | O_NONBLOCK: a FIFO in its place would be waited for.
            let file = try OwnedDescriptor.opening(path, 1 | 0o4000)
            _ = try file.write(content[...])
        } catch {
            guard error.errno == 6 else { throw error }  // ENXIO
            try Files.replace(path, content)
        }
    }
}
