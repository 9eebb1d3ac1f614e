// The removal of one pod's objects, or of one task's: through the shim if the shim lives, and
// directly if it does not.

import EventLoop
import Linux
import Model
import ShimProtocol
import Teardown

@Loop final class PodRemoval: Remover {
    let controller: PodController
    /// Milliseconds between a task's stop signal and SIGKILL; `nil` for the task's own.
    let grace: @Sendable (Label) -> Int64?
    let keepsLogs: Bool
    /// Whether the whole pod goes: then a shim that cannot be asked is ended.
    private let isPodGoing: Bool
    /// CLOCK_BOOTTIME in nanoseconds since when the shim, which lives, has had no socket.
    private var withoutSocketSince: Int64?
    private var attempts: [TeardownStep: Int] = [:]

    nonisolated init(
        _ controller: PodController, grace: @escaping @Sendable (Label) -> Int64?,
        keepsLogs: Bool = false,
        isPodGoing: Bool = false
    ) {
        self.controller = controller
        self.grace = grace
        self.keepsLogs = keepsLogs
        self.isPodGoing = isPodGoing
    }

    var layout: Layout { controller.engine.layout }
    var host: any Host { controller.host }
    var uid: UID { controller.uid }

    @Loop func remove(_ step: TeardownStep) async -> StepOutcome {
        do throws(SystemCallFailure) {
            switch (step.name.resource, step.task) {
            case (.task(let resource), let task?): return try await resource.remove(of: task, self)
            case (.taskOrPod(let resource), let task?):
                return try await resource.remove(of: task, self)
            case (.taskOrPod(let resource), nil): return try await resource.remove(self)
            case (.pod(let resource), nil): return try await resource.remove(self)
            case (.task, nil), (.pod, _?):
                return .blocked(Blocker("\(step.name.rawValue) has another scope"))
            }
        } catch { return .blocked(Blocker(error)) }
    }

    /// Pauses for 20 ms, and twice as long each time, up to a second.
    @Loop func nextChange(_ step: TeardownStep) async {
        let attempt = attempts[step, default: 0]
        attempts[step] = attempt + 1
        await Loop.shared.reactor.pause(milliseconds: min(20 << Int64(min(attempt, 6)), 1000))
    }
}

// MARK: - What resources need

extension PodRemoval {
    /// The line to the shim; `nil` if the shim is gone. A shim without a socket is asked to make it
    /// again. If the shim does not do so (an older shim, or a stopped one) and its pod goes anyway,
    /// it is ended after a while: what it held is then removed as a dead shim's.
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

    /// Kills the processes in a cgroup and below it; `alreadyGone` if there is none.
    func kill(in cgroup: String) throws(SystemCallFailure) -> StepOutcome {
        let left = try host.processes(in: cgroup)
        if left.isEmpty { return .alreadyGone }
        try host.kill(cgroup)
        let places = left.sorted().prefix(4).map { host.place(of: $0) }.joined(separator: "; ")
        return .blocked(Blocker("\(left.count) processes in \(cgroup): \(places)"))
    }

    /// Removes a cgroup. Its processes are looked for only if the kernel says that it has some.
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
}

extension StepOutcome {
    /// What a helper's end amounts to: `nil` means that it did what it was asked.
    init(_ blocker: Blocker?) {
        if let blocker { self = .blocked(blocker) } else { self = .removed }
    }

    /// What a shim's reply to a removal amounts to; `nil` is that of a shim that hung up.
    init(_ reply: ShimReply?) {
        switch reply {
        case .done?: self = .removed
        case .stillThere(let reason, let errno)?:
            self = .blocked(
                Blocker(reason, errno: errno == 0 ? nil : SystemCallFailure.name(of: errno)))
        case .failed(_, let detail, _)?: self = .blocked(Blocker(detail))
        case .status?, .mounted?, .running?:
            self = .blocked(Blocker("a reply that fits nothing"))
        case nil: self = .blocked(Blocker("the shim hung up"))
        }
    }
}

extension Blocker {
    init(_ failure: SystemCallFailure) { self.init("\(failure)", errno: failure.errnoName) }
}
