// How a controller finds its shim at the daemon's start, reconnects when the shim hangs up, and
// marks the pod lost when the shim's lock is free.

import Bytes
import Documents
import EventLoop
import Linux
import Metrics
import Model
import ShimProtocol

/// A question for the shim's status, asked beside whatever else it is asked.
struct StatusQuestion {
    /// CLOCK_BOOTTIME in nanoseconds; `nil` where nothing is asked now.
    var askedAt: Int64?
    /// The last answer.
    var report: ShimReport?
}

extension PodController {
    /// The shim hung up. Unless it was asked to, it has died: only its lock says so.
    func lostShimClient() {
        link = nil
        // Whoever puts the pod away, or makes it, finds out with its next request.
        if running.values.contains(where: \.kind.ownsShim) { return }
        lookAfterShimIfUnlinked()
    }

    /// At the daemon's start: the shim is found, or its loss is.
    func adopt(_ pod: Pod) {
        shim = pod.shim
        lookAfterShimIfUnlinked()
    }

    func lookAfterShimIfUnlinked() {
        guard !isLookingAfterShim, link?.isOpen != true, settledPod != nil else { return }
        isLookingAfterShim = true
        onLoop {
            await self.lookAfterShim()
            self.isLookingAfterShim = false
            // It may have hung up right after its answer, and nobody looked then.
            self.lookAfterShimIfUnlinked()
        }
    }

    /// The pod, where it has to have a shim.
    private var settledPod: Pod? {
        guard let pod = engine.registry.pod(uid) else { return nil }
        switch pod.state {
        case .ready, .stopping, .stopped: return pod
        case .creating, .deleting, .lost: return nil
        }
    }

    private func lookAfterShim() async {
        while let pod = settledPod {
            do throws(SystemCallFailure) {
                guard let link = try connectIfAlive() else { return await markLost(pod) }
                if await learn(from: link) { return }
            } catch {
                // It cannot be reached, and that is not "gone": asked again later.
                engine.log.write(
                    .warning, "shim not reached", ["pod": pod.name.text, "error": "\(error)"])
                showStall("the shim cannot be reached: \(error)")
            }
            await Loop.shared.reactor.pause(milliseconds: 1000)
        }
    }

    /// `false` where the shim hung up.
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
        noteNamespaces(of: ProcessIdentity(report.shim))
        for task in report.tasks { if let exit = task.exit { sawExit(task.name, exit) } }
        return true
    }

    private func showStall(_ why: String) {
        engine.registry.showPod(uid) { pod in
            pod.stalled = Pod.Stall(since: pod.stalled?.since ?? EngineClock.now, why: why)
        }
    }

    /// Now and then: a shim that somebody has stopped does not say so itself.
    func lookWhetherStopped() {
        guard let shim, settledPod != nil else { return }
        if host.isStopped(shim.process) {
            showStall("the shim is stopped: \(host.place(of: shim.process.pid))")
        } else if status.askedAt == nil, link?.isOpen == true {
            engine.registry.showPod(uid) { $0.stalled = nil }
        }
    }

    /// What a dead shim held is put away without being asked, by an operation of its own; the
    /// record waits for the client.
    private func markLost(_ pod: Pod) async {
        engine.log.write(.error, "shim lost", ["pod": pod.name.text, "uid": "\(uid)"])
        link = nil
        shim = nil
        let exits = pod.tasks.map { task in (task.spec.name, storedExit(task.spec.name)) }
        await engine.registry.commitUntilAccepted(engine) { [uid, engine] transaction in
            guard var pod = transaction.pod(uid: uid), pod.state != .deleting, pod.state != .lost
            else { return }
            for (name, exit) in exits { _ = pod[task: name]?.state.sawExit(exit) }
            pod.markLost(transaction.makeCleanup(of: pod, engine.ownContext))
            transaction.put(pod)
        }
        schedule()
    }

    /// The exit that a dead shim has left, or that nobody saw it.
    func storedExit(_ task: Label) -> TaskExit {
        do throws(SystemCallFailure) {
            if case .exit(let exit) = try host.exitFile(uid, task) { return TaskExit(exit) }
        } catch {
            engine.log.write(.warning, "exit not read", ["uid": "\(uid)", "error": "\(error)"])
        }
        return .unseen
    }
}

extension TaskExit {
    /// Nobody saw it; when it was noticed stands for its time.
    static var unseen: TaskExit {
        TaskExit(status: .unknown, oomKilled: false, finishedAt: EngineClock.now)
    }
}

extension Pod {
    /// Its shim is gone; `cleanup` puts away what it held.
    mutating func markLost(_ cleanup: UID) {
        state = .lost
        shim = nil
        stalled = nil
        operation = cleanup
    }
}

extension OperationKind {
    /// Whether the shim's end is this operation's own business.
    fileprivate var ownsShim: Bool {
        switch self {
        case .podCreate, .podDelete, .podCleanup, .orphanRemove: true
        case .podUpdate, .podStop, .taskCreate, .taskStart, .taskStop, .taskSignal, .taskDelete:
            false
        }
    }
}

// MARK: - What is waited for

extension PodController {
    /// In words, if the operation waits for its turn.
    func turnWaitedFor(by operation: UID) -> String? {
        engine.gate.whatIsWaitedFor(by: operation, of: uid).map { "waits for " + $0 }
    }

    /// In words: the child that the shim waits for and where that is in the kernel, or what the
    /// shim says. Asks the shim meanwhile, for the next time; one that does not answer is named.
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
