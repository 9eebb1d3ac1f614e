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
    private var attempts: [TeardownStep: Int] = [:]

    /// `grace` gives the milliseconds between the stop signal and SIGKILL, `nil` for the task's
    /// own.
    nonisolated init(
        _ owner: PodOwner, grace: @escaping @Sendable (Label) -> Int64?, keepsLogs: Bool = false
    ) {
        self.owner = owner
        self.grace = grace
        self.keepsLogs = keepsLogs
    }

    private var layout: Layout { owner.engine.layout }
    private var uid: UID { owner.uid }

    @Loop func clear(_ step: TeardownStep) async -> Sighting {
        do throws(SystemCallFailure) {
            switch (step.name, step.task) {
            case (.shimExit, _): return try await endShim()
            case (.cgroupRemove, _):
                return try removeCgroup(layout.cgroup(uid), children: ["pod", "shim"])
            case (.filesRemove, nil): return try await removeFiles()
            case (.verify, _): return try verify()
            case (_, let task?): return try await clear(step.name, task)
            case (_, nil): return .alreadyGone
            }
        } catch { return .stillThere(Obstacle(error.description)) }
    }

    /// Paces itself: 20 ms, twice as long each time, up to a second.
    @Loop func nextChange(_ step: TeardownStep) async {
        let attempt = attempts[step, default: 0]
        attempts[step] = attempt + 1
        await Loop.shared.reactor.pause(milliseconds: min(20 << Int64(min(attempt, 6)), 1000))
    }

    private func clear(
        _ name: StepName, _ task: Label
    ) async throws(SystemCallFailure) -> Sighting {
        guard let link = try owner.connectIfAlive() else {
            return name == .filesRemove
                ? try await removeFiles(of: task) : try clearWithoutShim(name, task)
        }
        guard let request = request(name, task) else { return .alreadyGone }
        return sighting(await link.ask(request))
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
    ) throws(SystemCallFailure) -> Sighting {
        switch name {
        case .tasksStop: return try empty(layout.cgroup(uid, task))
        case .tasksDelete: return try removeCgroup(layout.cgroup(uid, task))
        case .rootfsUnmount: return try empty(layout.cgroup(uid))
        case .filesRemove, .shimStart, .rootfsMount, .taskCreate, .taskStart, .taskSignal,
            .resourcesUpdate, .shimExit, .cgroupRemove, .verify:
            return .alreadyGone
        }
    }

    private func cgroup(_ path: String) -> Cgroup {
        Cgroup(path: path, hierarchies: owner.engine.host.hierarchies)
    }

    private func empty(_ path: String) throws(SystemCallFailure) -> Sighting {
        let left = try cgroup(path).processes()
        if left.isEmpty { return .alreadyGone }
        try cgroup(path).kill()
        return .stillThere(Obstacle("processes in \(path): \(left.sorted().prefix(8))"))
    }

    /// Who is still in it is looked for only where the kernel says that somebody is.
    private func removeCgroup(
        _ path: String, children: [String] = []
    ) throws(SystemCallFailure) -> Sighting {
        do { try cgroup(path).remove(children: children) } catch {
            guard error.errno == 16 else { throw error }  // EBUSY
            if case .stillThere(let obstacle) = try empty(path) { return .stillThere(obstacle) }
            throw error
        }
        let standing = try cgroup(path).standing()
        return standing.isEmpty ? .gone : .stillThere(Obstacle("still there: \(standing)"))
    }

    private func endShim() async throws(SystemCallFailure) -> Sighting {
        guard let link = try owner.connectIfAlive() else {
            let left = try empty(layout.cgroup(uid) + "/shim")
            return left
        }
        if let answer = await link.ask(.exit) {
            return answer == .done
                ? .stillThere(Obstacle("the shim stays")) : sighting(answer)
        }
        await link.ended()
        owner.link = nil
        guard try layout.shimPresence(uid) == .gone else {
            return .stillThere(Obstacle("the shim has hung up and holds its lock"))
        }
        // Whoever is left in its cgroup is met by the next step.
        return .gone
    }

    /// The disks' part is a helper's, which may wait for them.
    private func removeFiles() async throws(SystemCallFailure) -> Sighting {
        if let link = try owner.connectIfAlive() {
            return sighting(await link.ask(.removeAll(keepingLogs: keepsLogs)))
        }
        let settings = owner.engine.settings
        var arguments = ["staunch-shim", "remove", settings.dataDirectory, "\(uid)"]
        if !keepsLogs { arguments += [settings.logDirectory, "\(uid)"] }
        let complaint = try await owner.runHelper(arguments)
        return complaint.map { .stillThere(Obstacle($0)) } ?? .gone
    }

    /// One task's, where the shim is gone.
    private func removeFiles(of task: Label) async throws(SystemCallFailure) -> Sighting {
        let settings = owner.engine.settings
        let complaint = try await owner.runHelper([
            "staunch-shim", "remove", "\(settings.dataDirectory)/\(uid)", task.text,
            "\(settings.logDirectory)/\(uid)", "\(task).log",
        ])
        if let complaint { return .stillThere(Obstacle(complaint)) }
        try Tree.remove(task.text, in: "\(layout.pod(uid))/tasks")
        return .gone
    }

    /// The pod's folder in the run directory, which is memory, goes last: the shim's lock and
    /// socket are in it. Then everything is looked for once more.
    private func verify() throws(SystemCallFailure) -> Sighting {
        try Tree.remove("\(uid)", in: layout.pods)
        let standing = try cgroup(layout.cgroup(uid)).standing()
        if !standing.isEmpty { return .stillThere(Obstacle("still there: \(standing)")) }
        if try Files.exists(layout.pod(uid)) {
            return .stillThere(Obstacle("still there: \(layout.pod(uid))"))
        }
        return .gone
    }

    private func sighting(_ reply: ShimReply?) -> Sighting {
        switch reply {
        case .done?: .gone
        case .stillThere(let reason)?: .stillThere(Obstacle(reason))
        case .failed(_, let detail)?: .stillThere(Obstacle(detail))
        case .status?, .mounted?, .running?: .stillThere(Obstacle("a reply that fits nothing"))
        case nil: .stillThere(Obstacle("the shim hung up"))
        }
    }
}

extension PodOwner {
    /// Runs the shim's program for one thing and waits for its end without blocking; what it
    /// complained of, or `nil` where it went well.
    func runHelper(_ arguments: [String]) async throws(SystemCallFailure) -> String? {
        let pipe = try Pipe()
        let null = try OwnedDescriptor.opening("/dev/null", 2)
        let command = Command(arguments, path: engine.host.shimProgram)
        let pid = try command.spawn(descriptors: [null.number, null.number, pipe.writing.number])
        let output = pipe.intoReading()
        guard let process = PidDescriptor.opening(pid) else { return "the helper was not seen" }
        try await Loop.shared.reactor.readable(process.descriptor.number)
        let exit = process.reap()
        if exit?.code == 0 { return nil }
        let text = try output.read(limit: 4096) ?? []
        return text.isEmpty ? "the helper was killed" : String(decoding: text, as: UTF8.self)
    }

    func runtimeArguments(_ call: Runtime.Call, _ task: Label) -> [String] {
        Runtime(path: engine.settings.runtime, root: engine.layout.pod(uid) + "/runtime")
            .arguments(
                call, id: task.text, log: engine.layout.bundle(uid, task) + "/runtime.log")
    }
}
