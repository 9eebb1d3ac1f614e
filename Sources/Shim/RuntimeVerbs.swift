// create, start, delete: run the runtime (runc).

import Kernel
import Linux
import ShimProtocol

extension Shim {
    func create(_ task: String, _ document: TaskDocument, id: UInt32) {
        let slot = slot(task)
        if joinsFilterCheck(of: slot, id: id) { return }
        // A daemon repeats the request, maybe after the first attempt.
        if let process = slot.process ?? slot.restarts?.lastProcess {
            return reply(id, .running(process))
        }
        if joinsJob(.create, of: slot, id: id) { return }
        guard slot.user != nil else {
            return reply(id, .failed(.state, detail: "the task has no rootfs yet"))
        }
        if let reason = withoutReaper { return reply(id, .failed(.state, detail: reason)) }
        if let writer = slot.output?.writer {
            // The writer of an earlier try may have the log open: removals wait for its end.
            slot.output?.kill()
            formerWriters.append(writer)
        }
        do throws(SystemCallFailure) {
            if slot.restarts == nil {
                try ExitFile.prepare(slot.paths.exitFile)
            } else {
                try slot.attemptRecords.prepare()
                try slot.attemptRecords.begin(slot.attempt)
            }
            slot.document = document
            try launch(slot, ids: [id])
        } catch { reply(id, .failed(.system, detail: error.description)) }
    }

    /// Runs the runtime for an attempt whose exit has its place.
    func launch(_ slot: TaskSlot, ids: [UInt32]) throws(SystemCallFailure) {
        guard let document = slot.document else { return }
        try Files.removeFile(slot.paths.pidFile)
        slot.filterCheck = try Files.exists(slot.paths.filterMark) ? FilterCheck() : nil
        let hidden = try HiddenHierarchies(
            slot, settings, hierarchies, refusesHybrid: document.refusesHybrid)
        let outEnds = try Pipe().release()
        let read = OwnedDescriptor(adopting: outEnds.reading)
        let out = OwnedDescriptor(adopting: outEnds.writing)
        let errorEnds = try Pipe().release()
        let readErrors = OwnedDescriptor(adopting: errorEnds.reading)
        let errors = OwnedDescriptor(adopting: errorEnds.writing)
        let (given, input) = try standardInput(of: slot)
        let output = try TaskOutput(
            slot, shim: self, input: input, output: read, errors: readErrors)
        let (host, rootfs, talk) = (hostMounts.number, slot.paths.rootfs, RuntimeTalk(self))
        let (log, mounts) = (talk.path, [rootfs] + memory.map(\.path))
        let paths = slot.paths
        let call: RuntimeCall = slot.startsAtOnce ? .run : .create
        slot.console = slot.input.isTerminal ? try Console("console", in: paths.bundle) : nil
        let command = Command(
            slot.command(document).arguments(call, log: log, console: slot.console?.path))
        do throws(SystemCallFailure) {
            let pid = try command.forkAndExec(
                in: given?.descriptor.number ?? 0, out: out.number, err: errors.number
            ) {
                complaining(in: log) { () throws(SystemCallFailure) in
                    try hidden.join()
                    let shared = try sharedSources(paths)
                    try Sandbox.enterHost(host, with: mounts[...], shared: shared[...])
                    hidden.hide()
                }
            }
            slot.job = Job(.create, pid: pid, waiting: ids, talk: talk)
            if let former = slot.output { slot.formerLog = slot.formerLog + former.state.totals }
            slot.output = output
        } catch {
            slot.console = nil
            output.close()
            throw error
        }
    }

    /// The pipe for the input of clients. A terminal, or an empty input, is none.
    private func standardInput(
        of slot: TaskSlot
    ) throws(SystemCallFailure) -> (given: SharedDescriptor?, input: SharedDescriptor?) {
        guard slot.input.isOpen, !slot.input.isTerminal else { return (nil, nil) }
        let ends = try SharedDescriptor.pipe()
        return (ends.reading, ends.writing)
    }

    func created(_ slot: TaskSlot, _ job: Job, _ exit: ChildExit) {
        let exit = job.runtimeExit ?? exit
        defer { if !runtimeIsCreating { orphans = [:] } }
        guard exit.code == 0 else {
            slot.console = nil
            let printed = slot.output?.closeAfterRuntime()
            return failed(slot, job, refusal(of: slot, job, exit, printed))
        }
        let pid: Int32
        switch adoptee(of: slot) {
        case .process(let found): pid = found
        case .childOf(let parent):
            slot.job = job.goingOn(in: parent, after: exit)
            return
        case .none(let reason):
            slot.output?.close()
            return failed(slot, job, .failed(.runtime, detail: reason))
        }
        // A process that was already reaped has no start time: its `/proc/<pid>/stat` is gone.
        let process = ProcessIdentity(pid: pid, startTicks: ProcFS.startTicks(of: pid) ?? 0)
        slot.process = process
        isMemoryDue = true
        let lack = takeTerminal(of: slot)
        if lack != nil { Children.signal(pid, 9) }
        let ended = orphans[pid]
        // The requests that wait for a restart are to start the task.
        let made: ShimReply = slot.restarts?.isRestart ?? false ? .done : .running(process)
        let answer = lack.map { .failed(.runtime, detail: $0) } ?? made
        if slot.startsAtOnce {
            confirm(slot, job.waiting, answer, ended)
        } else {
            reply(to: job.waiting, answer)
        }
        noteStart(slot, process)
        if let ended {
            store(ended.exit, hasRun: ended.hasRun, of: slot)
            tasksEnded(slot)
        }
    }

    private func failed(_ slot: TaskSlot, _ job: Job, _ refusal: ShimReply) {
        reply(to: job.waiting, refusal)
        attemptFailed(slot, refusal)
    }

    func start(_ task: String, id: UInt32) {
        if let slot = slots[task], let restarts = slot.restarts {
            if restarts.next != nil { return startNow(slot, id: id) }
            if restarts.isRestart, let job = slot.job, job.kind == .create {
                return job.waiting.append(id)
            }
        }
        if let slot = slots[task], joinsFilterCheck(of: slot, id: id) { return }
        if let slot = slots[task], slot.hasStarted { return reply(id, .done) }
        guard let slot = slots[task], slot.isAlive, let document = slot.document else {
            return reply(id, .failed(.notRunning, detail: "the task has no process"))
        }
        if joinsJob(.start, of: slot, id: id) { return }
        do throws(SystemCallFailure) {
            try runRuntime(.start, .start, document, for: slot, ids: [id])
        } catch { reply(id, stillThere(error)) }
    }

    func started(_ slot: TaskSlot, _ job: Job, _ exit: ChildExit) {
        // If the program runs, the runtime's failure does not count: a task cannot be started
        // twice.
        let hasStarted = exit.code == 0 || hasRun(slot)
        if hasStarted && !slot.hasStarted {
            slot.hasStarted = true
            noteRunning(slot)
        }
        isMemoryDue = true
        sendHeld(slot)
        guard hasStarted else { return reply(to: job.waiting, refusal(of: slot, job, exit)) }
        confirm(slot, job.waiting, .done)
    }

    func delete(_ task: String, id: UInt32) {
        let slot = slot(task)
        endRestarts(slot)
        if slot.isAlive { return reply(id, .stillThere(reason: "the task runs")) }
        if joinsJob(.delete, of: slot, id: id) { return }
        do throws(SystemCallFailure) {
            if try !isPlainState(of: slot), let document = slot.document {
                return try runRuntime(.delete, .delete, document, for: slot, ids: [id])
            }
            try removeState(of: slot)
            reply(id, .done)
        } catch { reply(id, stillThere(error)) }
    }

    /// The runtime's exit code is no evidence: it may report success and leave cgroups, or fail and
    /// have nothing to remove. So the shim removes what is left, when no process of the task lives,
    /// and verifies that.
    func deleted(_ slot: TaskSlot, _ job: Job) {
        do throws(SystemCallFailure) {
            try removeState(of: slot)
            reply(to: job.waiting, .done)
        } catch { reply(to: job.waiting, stillThere(error)) }
    }

    /// Whether the runtime's own `delete` has nothing to do that the shim does not do.
    func isPlainState(of slot: TaskSlot) throws(SystemCallFailure) -> Bool {
        let state = slot.paths.runtimeState
        return try Files.exists(state) ? RuntimeState.isPlain(state) : true
    }

    func removeState(of slot: TaskSlot) throws(SystemCallFailure) {
        try Tree.remove(slot.name, in: "\(settings.podDirectory)/runtime")
        try cgroup(of: slot).remove()
        slot.process = nil
    }

    func runRuntime(
        _ call: RuntimeCall, _ kind: Job.Kind, _ document: TaskDocument, for slot: TaskSlot,
        ids: [UInt32]
    ) throws(SystemCallFailure) {
        let (host, talk) = (hostMounts.number, RuntimeTalk(self))
        let log = talk.path
        let pid = try Command(slot.command(document).arguments(call, log: log)).forkAndExec(
            in: 0, out: talk.number, err: talk.number
        ) {
            complaining(in: log) { () throws(SystemCallFailure) in
                try Sandbox.enterMounts(host)
            }
        }
        slot.job = Job(kind, pid: pid, waiting: ids, talk: talk)
    }

    /// The runtime's account of its failure, for the daemon: first its output, then its log,
    /// because an error in the log takes precedence.
    private func refusal(
        of slot: TaskSlot, _ job: Job, _ exit: ChildExit, _ printed: RuntimeWords? = nil
    ) -> ShimReply {
        if slot.stop != nil { return .failed(.interrupted, detail: "a stop came in between") }
        let said = [printed, job.talk?.heard].compactMap { $0 }
        let text = Array(said.map(\.bytes).filter { !$0.isEmpty }.joined(separator: [10]))
        guard text.isEmpty else {
            return .failed(
                .runtime, detail: String(decoding: text, as: UTF8.self),
                dropped: said.reduce(0) { $0 + $1.dropped })
        }
        let end =
            exit.code.map { "ended with code \($0)" } ?? "was killed by signal \(exit.signal ?? 0)"
        return .failed(.runtime, detail: "the runtime \(end) and said nothing")
    }
}

/// Runs in the child that is to become the runtime, so the shim keeps nothing of it.
private func sharedSources(_ paths: TaskPaths) throws(SystemCallFailure) -> [Sandbox.SharedSource] {
    let content: [UInt8]
    do throws(SystemCallFailure) {
        content = try Files.read(paths.places, limit: TaskPlaces.limit)
    } catch {
        guard error.errno == 2 else { throw error }
        return []
    }
    do throws(WireFault) {
        return try TaskPlaces.parse(fileContent: content).mounts.enumerated().compactMap {
            guard let source = $1.source, $1.sharedBy != nil else { return nil }
            return Sandbox.SharedSource(
                path: source, place: TaskPlaces.sharedSource($0, in: paths.bundle))
        }
    } catch {
        throw SystemCallFailure(
            call: "read", subject: "\(paths.places): \(error.detail)", errno: 74)  // EBADMSG
    }
}

/// Runs in the child that is to become the runtime. If it fails, it writes a line to the runtime's
/// log and returns `false`.
func complaining(in log: String, _ body: () throws(SystemCallFailure) -> Void) -> Bool {
    do throws(SystemCallFailure) {
        try body()
        return true
    } catch {
        let line = Array("\(error)\n".utf8)
        ignoring("without a log the exit code says that it did not run") {
            () throws(SystemCallFailure) in
            // O_WRONLY | O_CREAT | O_APPEND
            let file = try OwnedDescriptor.opening(log, 0o1 | 0o100 | 0o2000, mode: 0o600)
            _ = try file.write(line[...])
        }
        return false
    }
}
