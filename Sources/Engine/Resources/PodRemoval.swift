// The removal of one pod's objects, or of one task's: through the shim if the shim lives, and
// directly if it does not.

import EventLoop
import Host
import Kernel
import Model
import ShimProtocol
import Teardown

@Loop final class PodRemoval: Remover {
    let controller: PodController
    private let journal: OperationJournal
    /// Milliseconds between a task's stop signal and SIGKILL; `nil` for the task's own.
    let grace: @Sendable (Label) -> Int64?
    let keepsLogs: Bool
    /// Whether the whole pod is deleted. Then a shim that cannot be asked is killed.
    private let isPodGoing: Bool
    /// CLOCK_BOOTTIME in nanoseconds since when the live shim has had no socket.
    private var withoutSocketSince: Int64?
    private let backoff = Backoff()
    /// Whether DEL of each plugin has succeeded in this removal.
    var areDetached = false

    nonisolated init(
        _ controller: PodController, _ journal: OperationJournal,
        grace: @escaping @Sendable (Label) -> Int64?,
        keepsLogs: Bool = false,
        isPodGoing: Bool = false
    ) {
        self.controller = controller
        self.journal = journal
        self.grace = grace
        self.keepsLogs = keepsLogs
        self.isPodGoing = isPodGoing
    }

    /// The word of an operator that the removal from networks is given up.
    var abandonment: Abandonment? { journal.abandonment(of: .networkDetach) }

    var engine: Engine { controller.engine }
    var layout: Layout { engine.layout }
    var host: any Host { controller.host }
    var uid: UID { controller.uid }

    /// Whether nothing is left of the pod but its record and its logs.
    var isReleased: Bool {
        guard let pod = engine.registry.pod(uid), pod.operation == nil else { return false }
        return pod.isReleased && pod.state == .stopped || pod.state == .lost
    }

    @Loop func remove(_ step: TeardownStep) async -> StepOutcome {
        do throws(SystemCallFailure) {
            switch (step.name.resource, step.task) {
            case (.task(let resource), let task?): return try await resource.remove(of: task, self)
            case (.taskOrPod(let resource), let task?):
                return try await resource.remove(of: task, self)
            case (.taskOrPod(let resource), nil): return try await resource.remove(self)
            case (.pod(let resource), nil): return try await resource.remove(self)
            case (.task, nil), (.pod, _?), (.network, _):
                return .blocked(Blocker("\(step.name.rawValue) has another scope"))
            }
        } catch { return .blocked(Blocker(error)) }
    }

    @Loop func nextChange(_ step: TeardownStep) async { await backoff.pause(step, journal) }
}

/// The pauses between the attempts of each step.
@Loop final class Backoff {
    private var attempts: [TeardownStep: Int] = [:]

    nonisolated init() {}

    /// Pauses for 20 ms the first time, and for twice as long each further time, up to a second.
    func pause(_ step: TeardownStep, _ journal: OperationJournal) async {
        let attempt = attempts[step, default: 0]
        attempts[step] = attempt + 1
        let pause: Int64 = min(20 << Int64(min(attempt, 6)), 1000)
        journal.pauses(ShownStep(step), milliseconds: pause)
        await Loop.shared.reactor.pause(milliseconds: pause)
        journal.pauses(ShownStep(step), milliseconds: nil)
    }
}

// MARK: - What resources need

extension PodRemoval {
    /// Returns the connection to the shim; `nil` if the shim is gone. It asks a shim without a
    /// socket to make the socket again. If an older or a stopped shim does not do so, and its pod
    /// is deleted, it kills the shim after a while. The resources of the shim are then removed as
    /// those of a dead shim.
    func shim() throws(SystemCallFailure) -> (any ShimClient)? {
        do {
            let link = try controller.connectIfAlive()
            withoutSocketSince = nil
            return link
        } catch {
            guard error.isWithoutSocket, isPodGoing else { throw error }
            let now = EngineClock.sinceBoot
            withoutSocketSince = withoutSocketSince ?? now
            if now - (withoutSocketSince ?? now) >= 3_000_000_000 {
                try host.kill(layout.cgroup(uid) + "/shim")
            }
            throw error
        }
    }

    /// Kills the processes in a cgroup and below it. Returns `alreadyGone` if there are none.
    func kill(in cgroup: String) throws(SystemCallFailure) -> StepOutcome {
        let left = try host.processes(in: cgroup)
        if left.isEmpty { return .alreadyGone }
        try host.kill(cgroup)
        let places = left.sorted().prefix(4).map { host.place(of: $0) }.joined(separator: "; ")
        return .blocked(Blocker("\(left.count) processes in \(cgroup): \(places)"))
    }

    /// The same for several cgroups, one after another.
    func kill(in cgroups: [String]) throws(SystemCallFailure) -> StepOutcome {
        for cgroup in cgroups {
            let outcome = try kill(in: cgroup)
            guard outcome == .alreadyGone else { return outcome }
        }
        return .alreadyGone
    }

    /// The cgroups in which the pod's tasks have their cgroups.
    func workloads() throws(SystemCallFailure) -> [String] {
        try engine.outsideCgroups(of: uid) + [layout.workload(uid)]
    }

    func cgroups(of task: Label) throws(SystemCallFailure) -> [String] {
        try workloads().map { Layout.task(task, in: $0) }
    }

    /// Removes a cgroup. It looks for processes only if the kernel says that the cgroup has some.
    func removeCgroup(
        _ cgroup: String, children: [String] = []
    ) throws(SystemCallFailure) -> StepOutcome {
        do { try host.remove(cgroup, children: children) } catch {
            guard error.errno == 16 else { throw error }  // EBUSY
            let killed = try kill(in: cgroup)
            guard killed == .alreadyGone else { return killed }
            throw error
        }
        let left = try host.directories(of: cgroup)
        return left.isEmpty ? .removed : .blocked(Blocker("still there: \(left)"))
    }

    /// The same for several cgroups, one after another.
    func removeCgroups(_ cgroups: [String]) throws(SystemCallFailure) -> StepOutcome {
        for cgroup in cgroups {
            let outcome = try removeCgroup(cgroup)
            if case .blocked = outcome { return outcome }
        }
        return .removed
    }
}

extension StepOutcome {
    /// Makes the outcome of a helper's end; `nil` means that the helper did its work.
    init(_ blocker: Blocker?) {
        if let blocker { self = .blocked(blocker) } else { self = .removed }
    }

    /// Makes the outcome of a shim's reply to a removal; `nil` means that the shim hung up.
    init(_ reply: ShimReply?) {
        switch reply {
        case .done?: self = .removed
        case .stillThere(let reason, let errno)?:
            self = .blocked(
                Blocker(reason, errno: errno == 0 ? nil : SystemCallFailure.name(of: errno)))
        case .failed(_, let detail, _)?: self = .blocked(Blocker(detail))
        case .status?, .mounted?, .running?, .attempts?, .execs?, .health?:
            self = .blocked(Blocker("a reply that fits nothing"))
        case nil: self = .blocked(Blocker("the shim hung up"))
        }
    }
}

extension Blocker {
    init(_ failure: SystemCallFailure) { self.init("\(failure)", errno: failure.errnoName) }
}
