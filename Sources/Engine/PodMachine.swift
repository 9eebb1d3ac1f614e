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
            case (.cgroupRemove, _): return try removeCgroup(layout.cgroup(uid))
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
            return try clearWithoutShim(name, task)
        }
        guard let request = request(name, task) else { return .alreadyGone }
        switch await link.ask(request) {
        case .done?: return .gone
        case .stillThere(let reason)?: return .stillThere(Obstacle(reason))
        case .failed(_, let detail)?: return .stillThere(Obstacle(detail))
        case .status?, .mounted?, .running?:
            return .stillThere(Obstacle("a reply that fits nothing"))
        case nil: return .stillThere(Obstacle("the shim hung up"))
        }
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
            return .stillThere(Obstacle("the shim is gone; the pod's delete removes this"))
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

    private func removeCgroup(_ path: String) throws(SystemCallFailure) -> Sighting {
        if try cgroup(path).standing().isEmpty { return .alreadyGone }
        if case .stillThere(let obstacle) = try empty(path) { return .stillThere(obstacle) }
        try cgroup(path).remove()
        let standing = try cgroup(path).standing()
        return standing.isEmpty ? .gone : .stillThere(Obstacle("still there: \(standing)"))
    }

    private func endShim() async throws(SystemCallFailure) -> Sighting {
        guard let link = try owner.connectIfAlive() else {
            let left = try empty(layout.cgroup(uid) + "/shim")
            return left
        }
        switch await link.ask(.exit) {
        case nil: break
        case .stillThere(let reason)?: return .stillThere(Obstacle(reason))
        case .done?, .failed?, .status?, .mounted?, .running?:
            return .stillThere(Obstacle("a reply that fits nothing"))
        }
        await link.ended()
        owner.link = nil
        guard try layout.shimPresence(uid) == .gone else {
            return .stillThere(Obstacle("the shim has hung up and holds its lock"))
        }
        let left = try empty(layout.cgroup(uid) + "/shim")
        return left == .alreadyGone ? .gone : left
    }

    /// The disks' part is a helper's, which may wait for them; the run directory is memory.
    private func removeFiles() async throws(SystemCallFailure) -> Sighting {
        let settings = owner.engine.settings
        var arguments = ["staunch-shim", "remove", settings.dataDirectory, "\(uid)"]
        if !keepsLogs { arguments += [settings.logDirectory, "\(uid)"] }
        if let complaint = try await owner.runHelper(arguments) {
            return .stillThere(Obstacle(complaint))
        }
        try Tree.remove("\(uid)", in: layout.pods)
        return .gone
    }

    private func verify() throws(SystemCallFailure) -> Sighting {
        let standing = try cgroup(layout.cgroup(uid)).standing()
        if !standing.isEmpty { return .stillThere(Obstacle("still there: \(standing)")) }
        if try Files.exists(layout.pod(uid)) {
            return .stillThere(Obstacle("still there: \(layout.pod(uid))"))
        }
        return .gone
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
