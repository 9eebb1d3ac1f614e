// How a controller finds its shim at the daemon's start, reconnects when the shim hangs up, and
// marks the pod lost when the shim's lock is free.

import Bytes
import Documents
import EventLoop
import Host
import Kernel
import Metrics
import Model
import ShimProtocol

/// A request for the shim's status, which runs beside all other requests to the shim.
struct StatusQuestion {
    /// CLOCK_BOOTTIME in nanoseconds; `nil` if no request is open.
    var askedAt: Int64?
    /// The last answer.
    var report: ShimReport?
}

extension PodController {
    /// Called when the shim hung up. Only the shim's lock tells whether the shim has died.
    func lostShimClient() {
        link = nil
        resumeWaits()
        // An operation that makes or removes the pod learns of it with its next request.
        if running.values.contains(where: \.kind.ownsShim) { return loseExecs() }
        lookAfterShimIfUnlinked()
    }

    /// Finds the shim at the daemon's start, or finds that it is lost.
    func adopt(_ pod: Pod) {
        shim = pod.shim
        lookAfterShimIfUnlinked()
        guard settledPod?.attachments.isEmpty == false else { return }
        onLoop { await self.checkAttachments() }
    }

    func lookAfterShimIfUnlinked() {
        guard !isLookingAfterShim, link?.isOpen != true, settledPod != nil else { return }
        isLookingAfterShim = true
        onLoop {
            await self.lookAfterShim()
            self.isLookingAfterShim = false
            // The shim may have hung up right after its answer, when this check was still in
            // progress.
            self.lookAfterShimIfUnlinked()
        }
    }

    /// The pod; `nil` if the pod need not have a shim.
    var settledPod: Pod? {
        guard let pod = engine.registry.pod(uid), pod.isSettled else { return nil }
        return pod
    }

    private func lookAfterShim() async {
        while let pod = settledPod {
            do throws(SystemCallFailure) {
                guard let link = try connectIfAlive() else { return await markLost(pod) }
                if await learn(from: link) { return }
            } catch {
                // A shim that cannot be reached is not gone: the loop asks again later.
                engine.log.write(
                    .warning, "shim not reached", ["pod": pod.name.text, "error": "\(error)"])
                showStall("the shim cannot be reached: \(error)")
            }
            await Loop.shared.reactor.pause(milliseconds: 1000)
        }
    }

    /// Asks the shim for its status. Returns `false` if the shim hung up.
    private func learn(from link: any ShimClient) async -> Bool {
        let asked = EngineClock.sinceBoot
        status.askedAt = asked
        Loop.shared.reactor.after(milliseconds: OperationJournal.stallsAfter) { [weak self] in
            onLoop {
                guard let self, self.status.askedAt == asked else { return }
                self.showStall(self.silence)
            }
        }
        let answer = await link.ask(.status)
        if status.askedAt == asked { status.askedAt = nil }
        guard case .status(let report)? = answer else { return false }
        engine.registry.showPod(uid) { $0.stalled = nil }
        engine.metrics.podsAdopted.add()
        noteNamespaces(of: report.shim)
        // Before the exits, of which the health may be the cause.
        await learnHealth(from: link)
        learn(report.tasks)
        await learnAttempts(from: link)
        return true
    }

    /// Learns what the shim tells of its tasks.
    func learn(_ tasks: [ShimTaskReport]) {
        for task in tasks {
            if let log = task.log { sawLog(task.name, log) }
            if let exit = task.exit { sawExit(task.name, exit) }
        }
    }

    private func showStall(_ why: String) {
        engine.registry.showPod(uid) { pod in
            pod.stalled = Pod.Stall(since: pod.stalled?.since ?? EngineClock.now, why: why)
        }
    }

    /// Looks whether the shim is stopped, because a stopped shim cannot report that itself; called
    /// once in a while.
    func lookWhetherStopped() {
        guard let shim, settledPod != nil else { return }
        if host.isStopped(shim.process) {
            showStall("the shim is stopped: \(host.place(of: shim.process.pid))")
        } else if status.askedAt == nil, link?.isOpen == true {
            engine.registry.showPod(uid) { $0.stalled = nil }
        }
    }

    /// Marks the pod lost. An operation of its own removes what the dead shim held, without a
    /// request. The record stays until the client deletes it.
    private func markLost(_ pod: Pod) async {
        engine.log.write(.error, "shim lost", ["pod": pod.name.text, "uid": "\(uid)"])
        link = nil
        shim = nil
        loseExecs()
        let exits = pod.tasks.filter { !$0.isRestarted }
            .map { task in (task.spec.name, storedExit(task.spec.name)) }
        for task in pod.tasks where task.isRestarted {
            await storeAttemptsOfLost(task.spec.name)
        }
        await engine.registry.commitUntilAccepted(engine) { [uid, engine] transaction in
            guard var pod = transaction.pod(uid: uid), pod.state != .deleting, pod.state != .lost
            else { return }
            for (name, exit) in exits { _ = pod[task: name]?.sawExit(exit, of: 1) }
            pod.markLost(transaction.makeCleanup(of: pod, engine.ownContext))
            transaction.put(pod)
        }
        schedule()
    }

    /// Stores the attempts of a lost pod's task, however long the store refuses them.
    private func storeAttemptsOfLost(_ name: Label) async {
        while true {
            do throws(SystemCallFailure) {
                if try storeFormerAttempts(of: name) { return }
            } catch {
                engine.log.write(
                    .warning, "attempts not read", ["uid": "\(uid)", "error": "\(error)"])
            }
            await Loop.shared.reactor.pause(milliseconds: 500)
        }
    }

    /// Returns the exit that a dead shim has stored, or an unseen exit if there is none.
    func storedExit(_ task: Label) -> TaskExit {
        do throws(SystemCallFailure) {
            if case .exit(let exit) = try host.exitFile(uid, task) { return exit }
        } catch {
            engine.log.write(.warning, "exit not read", ["uid": "\(uid)", "error": "\(error)"])
        }
        return .unseen
    }
}

extension TaskExit {
    /// An exit that no shim saw. Its time is the time when the daemon noticed it.
    static var unseen: TaskExit {
        TaskExit(status: .unknown, oomKilled: false, finishedAt: EngineClock.wall)
    }
}

extension Pod {
    /// Marks a pod whose shim is gone. The operation `cleanup` removes what the shim held.
    mutating func markLost(_ cleanup: UID) {
        state = .lost
        shim = nil
        stalled = nil
        operation = cleanup
    }
}

extension OperationKind {
    /// Whether this operation itself deals with the end of the shim.
    fileprivate var ownsShim: Bool {
        switch self {
        case .podCreate, .podDelete, .podCleanup, .orphanRemove: true
        case .podUpdate, .podStop, .taskCreate, .taskStart, .taskStop, .taskSignal, .taskPause,
            .taskResume, .taskExec, .taskUpdate, .taskReopenLog, .taskDelete,
            .networkCreate, .networkDelete:
            false
        }
    }
}

// MARK: - What an operation waits for

extension PodController {
    /// Describes what the operation waits for; `nil` if it does not wait for its turn.
    func turnWaitedFor(by operation: UID) -> String? {
        engine.gate.whatIsWaitedFor(by: operation, of: uid).map { "waits for " + $0 }
    }

    /// Describes the plugin that works for the pod, and its place in the kernel.
    func pluginWaitedFor() -> String? { host.plugin(of: uid) }

    /// Describes the child that the shim waits for and its place in the kernel, or what the shim
    /// says. It also asks the shim for the next call, and reports a shim that does not answer.
    func whatIsWaitedFor(_ task: Label?) -> String? {
        guard let link, link.isOpen else { return host.helper(of: uid) }
        defer { askStatus(link) }
        if let askedAt = status.askedAt {
            return EngineClock.sinceBoot - askedAt >= 900_000_000 ? silence : nil
        }
        for found in status.report?.tasks ?? [] where task == nil || found.name == task?.text {
            if let job = found.job, let pid = found.jobPID, let since = found.jobSince {
                let seconds = (EngineClock.sinceBoot - since) / 1_000_000_000
                guard job.begins(with: "runtime") else {
                    return "\(job) in the kernel for \(seconds) s: \(host.place(of: pid))"
                }
                let command = host.command(of: pid).map { $0 + ", " } ?? ""
                return "\(job) has run for \(seconds) s: \(command)\(host.place(of: pid))"
            }
            if let waiting = found.waiting { return waiting }
        }
        return nil
    }

    private func askStatus(_ link: any ShimClient) {
        guard status.askedAt == nil else { return }
        let asked = EngineClock.sinceBoot
        status.askedAt = asked
        onLoop {
            let answer = await link.ask(.status)
            guard self.status.askedAt == asked else { return }
            self.status.askedAt = nil
            if case .status(let report)? = answer { self.status.report = report }
        }
    }

    private var silence: String {
        let place = shim.map { ": " + host.place(of: $0.process.pid) } ?? ""
        return "the shim does not answer\(place)"
    }
}
