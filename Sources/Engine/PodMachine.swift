// One pod's pieces, as the teardown removes them: through the shim where it lives, and directly
// where it does not.

import Linux
import Model
import OCI
import ShimWire
import Teardown

@Loop final class PodMachine: Machine {
    private let owner: PodOwner
    private let grace: @Sendable (Label) -> Int64?
    private let keepsLogs: Bool
    /// Whether the whole pod goes: then a shim that cannot be asked is ended.
    private let isPodGoing: Bool
    /// CLOCK_BOOTTIME in nanoseconds since when the shim, which lives, has had no socket.
    private var withoutSocketSince: Int64?
    private var attempts: [TeardownStep: Int] = [:]

    /// `grace` gives the milliseconds between the stop signal and SIGKILL, `nil` for the task's
    /// own.
    nonisolated init(
        _ owner: PodOwner, grace: @escaping @Sendable (Label) -> Int64?, keepsLogs: Bool = false,
        isPodGoing: Bool = false
    ) {
        self.owner = owner
        self.grace = grace
        self.keepsLogs = keepsLogs
        self.isPodGoing = isPodGoing
    }

    private var layout: Layout { owner.engine.layout }
    private var ground: any Ground { owner.ground }
    private var uid: UID { owner.uid }

    @Loop func clear(_ step: TeardownStep) async -> Sighting {
        do throws(SystemCallFailure) {
            switch (step.name, step.task) {
            case (.shimExit, _): return try await endShim()
            case (.cgroupRemove, _):
                return try removeCgroup(layout.cgroup(uid), children: ["pod", "shim"])
            case (.filesRemove, nil): return try await removeFiles()
            case (.verify, _): return try await verify()
            case (_, let task?): return try await clear(step.name, task)
            case (_, nil): return .alreadyGone
            }
        } catch { return .stillThere(Obstacle(error.description, errno: error.errnoName)) }
    }

    /// Paces itself: 20 ms, twice as long each time, up to a second.
    @Loop func nextChange(_ step: TeardownStep) async {
        let attempt = attempts[step, default: 0]
        attempts[step] = attempt + 1
        await Loop.shared.reactor.pause(milliseconds: min(20 << Int64(min(attempt, 6)), 1000))
    }

    /// The line to the shim; `nil` if that is gone. A shim without a socket is asked to make it
    /// again. One that does not do so (an older one, or one that is stopped) is ended after a
    /// while if its pod goes anyway: what it held is then removed as a dead shim's.
    private func connectIfAlive() throws(SystemCallFailure) -> (any ShimLine)? {
        do {
            let link = try owner.connectIfAlive()
            withoutSocketSince = nil
            return link
        } catch {
            guard error.isWithoutSocket, isPodGoing else { throw error }
            let now = EngineClock.sinceBoot
            withoutSocketSince = withoutSocketSince ?? now
            if now - (withoutSocketSince ?? now) >= 3_000_000_000 {
                try ground.kill(layout.cgroup(uid) + "/shim")
            }
            throw error
        }
    }

    private func clear(
        _ name: StepName, _ task: Label
    ) async throws(SystemCallFailure) -> Sighting {
        guard let link = try connectIfAlive() else {
            return try await clearWithoutShim(name, task)
        }
        guard let request = request(name, task) else { return .alreadyGone }
        let seen = sighting(await link.ask(request))
        guard name == .tasksStop, seen == .gone else { return seen }
        return try noteExit(of: task, isShimGone: false) ?? seen
    }

    private func request(_ name: StepName, _ task: Label) -> ShimRequest? {
        switch name {
        case .tasksStop:
            let spec = owner.engine.registry.pod(uid)?[task: task]?.spec
            return .stop(
                task: task.text, signal: spec?.stopSignal.number ?? Signal.term.number,
                grace: grace(task) ?? spec?.gracePeriod ?? 0)
        case .tasksDelete:
            return .delete(task: task.text, arguments: owner.runtimeArguments(.delete, task))
        case .rootfsUnmount: return .unmount(task: task.text)
        case .filesRemove: return .remove(task: task.text)
        case .shimStart, .rootfsMount, .taskCreate, .taskStart, .taskSignal, .resourcesUpdate,
            .shimExit, .cgroupRemove, .verify:
            return nil
        }
    }

    /// With the shim its mount namespace has gone, and the overlay with that, once nobody is left
    /// in the cgroups of the pod.
    private func clearWithoutShim(
        _ name: StepName, _ task: Label
    ) async throws(SystemCallFailure) -> Sighting {
        switch name {
        case .tasksStop:
            let seen = try empty(layout.cgroup(uid, task))
            guard seen == .alreadyGone else { return seen }
            return try noteExit(of: task, isShimGone: true) ?? seen
        case .tasksDelete: return try removeCgroup(layout.cgroup(uid, task))
        case .rootfsUnmount:
            // The helpers beside them have none of the pod's mounts.
            for path in [layout.workload(uid), layout.cgroup(uid) + "/shim"] {
                let seen = try empty(path)
                guard seen == .alreadyGone else { return seen }
            }
            // What has no mount any more may be held by a descriptor in another pod.
            let holder = try await ground.rootfsHolder(uid, task)
            return holder == nil ? .alreadyGone : sighting(holder)
        case .filesRemove: return sighting(try await ground.removeFiles(uid, task))
        case .shimStart, .rootfsMount, .taskCreate, .taskStart, .taskSignal, .resourcesUpdate,
            .shimExit, .cgroupRemove, .verify:
            return .alreadyGone
        }
    }

    /// The exit is the record's before anything of the task goes: a daemon that died between the
    /// shim's word and its own commit finds it here. Where the shim died with the task, nobody saw
    /// it. `nil` where the record has it.
    private func noteExit(
        of task: Label, isShimGone: Bool
    ) throws(SystemCallFailure) -> Sighting? {
        let registry = owner.engine.registry
        guard let known = registry.pod(uid)?[task: task], known.state.exit == nil else {
            return nil
        }
        var isStored = true
        switch try ground.exitFile(uid, task) {
        case .exit(let exit): isStored = owner.sawExit(task.text, exit)
        case .open where isShimGone:
            isStored = registry.update(uid, owner.engine) { pod in
                _ = pod[task: task]?.state.sawExit(.unseen)
            }
        case .open, .none: break
        }
        return isStored ? nil : .stillThere(Obstacle("the store does not take the exit"))
    }

    private func empty(_ path: String) throws(SystemCallFailure) -> Sighting {
        let left = try ground.processes(in: path)
        if left.isEmpty { return .alreadyGone }
        try ground.kill(path)
        let places = left.sorted().prefix(4).map { ground.place(of: $0) }.joined(separator: "; ")
        return .stillThere(Obstacle("\(left.count) processes in \(path): \(places)"))
    }

    /// Who is still in it is looked for only where the kernel says that somebody is.
    private func removeCgroup(
        _ path: String, children: [String] = []
    ) throws(SystemCallFailure) -> Sighting {
        do { try ground.remove(path, children: children) } catch {
            guard error.errno == 16 else { throw error }  // EBUSY
            if case .stillThere(let obstacle) = try empty(path) { return .stillThere(obstacle) }
            throw error
        }
        let standing = try ground.standing(path)
        return standing.isEmpty ? .gone : .stillThere(Obstacle("still there: \(standing)"))
    }

    private func endShim() async throws(SystemCallFailure) -> Sighting {
        guard let link = try connectIfAlive() else {
            let seen = try empty(layout.cgroup(uid) + "/shim")
            guard seen == .alreadyGone else { return seen }
            // With the shim went its mount, and not a file that another pod holds.
            let holder = try await ground.sharedMemoryHolder(uid)
            return holder == nil ? .alreadyGone : sighting(holder)
        }
        if let answer = await link.ask(.exit) {
            return answer == .done
                ? .stillThere(Obstacle("the shim stays")) : sighting(answer)
        }
        guard try await owner.hasEnded(link) else {
            return .stillThere(Obstacle("the shim has hung up and holds its lock"))
        }
        owner.link = nil
        // Whoever is left in its cgroup is met by the next step.
        return .gone
    }

    /// The disks' part is a helper's, which may wait for them.
    private func removeFiles() async throws(SystemCallFailure) -> Sighting {
        if let link = try connectIfAlive() {
            return sighting(await link.ask(.removeAll(keepingLogs: keepsLogs)))
        }
        return sighting(try await ground.removeFiles(uid, keepingLogs: keepsLogs))
    }

    /// The pod's folder in the run directory, which is memory, goes last: the shim's lock and
    /// socket are in it. Then everything is looked for once more.
    private func verify() async throws(SystemCallFailure) -> Sighting {
        if let left = try await ground.filesLeft(uid, keepingLogs: keepsLogs) {
            return try await removeFilesAgain(left)
        }
        try ground.removeRunFolder(uid)
        let standing = try ground.standing(layout.cgroup(uid))
        if !standing.isEmpty { return .stillThere(Obstacle("still there: \(standing)")) }
        if try ground.hasRunFolder(uid) {
            return .stillThere(Obstacle("still there: \(layout.pod(uid))"))
        }
        return .gone
    }

    /// By a helper, which has its cgroup in the pod's; nobody who could make them anew lives now.
    private func removeFilesAgain(_ left: Complaint) async throws(SystemCallFailure) -> Sighting {
        let complaint = try await ground.removeFiles(uid, keepingLogs: keepsLogs)
        let seen = try removeCgroup(layout.cgroup(uid), children: ["helper"])
        if case .stillThere = seen { return seen }
        return sighting(complaint ?? left)
    }

    private func sighting(_ complaint: Complaint?) -> Sighting {
        complaint.map { .stillThere(Obstacle($0.reason, errno: $0.errno)) } ?? .gone
    }

    private func sighting(_ reply: ShimReply?) -> Sighting {
        switch reply {
        case .done?: .gone
        case .stillThere(let reason, let errno)?:
            .stillThere(Obstacle(reason, errno: errno == 0 ? nil : errnoName(errno)))
        case .failed(_, let detail, _)?: .stillThere(Obstacle(detail))
        case .status?, .mounted?, .running?: .stillThere(Obstacle("a reply that fits nothing"))
        case nil: .stillThere(Obstacle("the shim hung up"))
        }
    }
}

private func errnoName(_ number: Int32) -> String {
    SystemCallFailure(call: "", subject: "", errno: number).errnoName
}
