// One daemon's view of the simulated machine. The daemon may die at every call.

package import CNI
package import EventLoop
package import Host
package import Kernel
package import Model
package import ShimProtocol
import Synchronization

@Loop package final class SimulatedHost: Host {
    let world: World
    let life: Life
    private let parent: String
    private nonisolated let facts = Mutex(HostInfo.simulated)
    /// The connections to shims, kept until the daemon's end.
    package private(set) var lines: [SimulatedShimClient] = []

    package init(_ world: World, _ life: Life, cgroupParent: String) {
        self.world = world
        self.life = life
        parent = cgroupParent
    }

    package nonisolated var info: HostInfo { facts.withLock { $0 } }

    /// Changes the facts, for a test.
    package nonisolated func assume(_ change: (inout HostInfo) -> Void) {
        facts.withLock { change(&$0) }
    }

    package nonisolated func createRefusal(_ runtime: String?) -> String? {
        let info = info
        guard let found = info.runtime(runtime) else { return "no runtime \(runtime ?? "")" }
        return info.refusal ?? found.refusal
    }

    package nonisolated func awaitFirstLook(milliseconds: Int32) {}

    package nonisolated var reserve: (any Reserve)? { nil }

    package nonisolated func leave() {}

    // MARK: Shims

    package func shimPresence(_ pod: UID) throws(SystemCallFailure) -> ShimPresence {
        try life.check()
        return world.pods[pod]?.shim == nil ? .gone : .lives
    }

    package func startShim(
        _ pod: Pod, _ events: ShimEvents
    ) throws(SystemCallFailure) -> any ShimClient {
        try life.check()
        if world.dice.once(in: 40) {
            throw SystemCallFailure(call: "posix_spawn", subject: "shim", errno: 12)
        }
        let made = world.pod(pod.uid)
        if let parent = pod.spec.cgroupParent {
            made.workload = "\(parent)/\(outsideName(pod.uid))"
        }
        let shim = SimulatedShim(made)
        made.shim = shim
        try life.check()
        return connected(shim, events)
    }

    package func connect(
        _ pod: UID, recorded: ProcessIdentity?, _ events: ShimEvents
    ) throws(SystemCallFailure) -> any ShimClient {
        try life.check()
        guard let shim = world.pods[pod]?.shim, !world.dice.once(in: 50) else {
            throw SystemCallFailure(call: "connect", subject: "shim.sock", errno: 111)
        }
        return connected(shim, events)
    }

    private func connected(_ shim: SimulatedShim, _ events: ShimEvents) -> any ShimClient {
        let line = SimulatedShimClient(shim, life, events)
        lines.append(line)
        return line
    }

    package func shimLog(_ pod: UID) -> String { "the shim ended at once" }

    // MARK: Cgroups

    private func outsideName(_ uid: UID) -> String { "\(parent.dropFirst())-\(uid)" }

    package nonisolated func hasCgroup(_ path: String) -> Bool {
        path == World.parent && world.hasParent
    }

    package func outsideCgroups(of pod: UID) throws(SystemCallFailure) -> [String] {
        try life.check()
        return world.pods[pod]?.cgroups.keys.filter { $0.hasSuffix("/" + outsideName(pod)) } ?? []
    }

    /// Returns the pod of a path, and the path below the parent, or the whole path if it is below
    /// another parent.
    private func place(_ path: String) -> (SimulatedPod, String)? {
        if path.hasPrefix(World.parent + "/") {
            let found = world.pods.values.first { pod in
                path.split(separator: "/").contains { $0 == outsideName(pod.uid) }
            }
            return found.map { ($0, path) }
        }
        let rest = String(path.dropFirst(parent.utf8.count))
        guard let name = rest.split(separator: "/").first, let uid = UID(String(name)),
            let pod = world.pods[uid]
        else { return nil }
        return (pod, rest)
    }

    package func processes(in cgroup: String) throws(SystemCallFailure) -> Set<Int32> {
        try life.check()
        guard let (pod, path) = place(cgroup) else { return [] }
        return pod.processes(in: path)
    }

    package func kill(_ cgroup: String) throws(SystemCallFailure) {
        try life.check()
        guard let (pod, path) = place(cgroup) else { return }
        for pid in pod.processes(in: path) {
            if pid == pod.shim?.pid { world.killShim(of: pod.uid) } else { pod.kill(pid) }
        }
    }

    package func remove(_ cgroup: String, children: [String]) throws(SystemCallFailure) {
        try life.check()
        guard let (pod, path) = place(cgroup) else { return }
        guard pod.processes(in: path).isEmpty else {
            throw SystemCallFailure(call: "rmdir", subject: cgroup, errno: 16)
        }
        pod.cgroups = pod.cgroups.filter { $0.key != path && !$0.key.hasPrefix(path + "/") }
        world.tidy(pod.uid)
        try life.check()
    }

    package func directories(of cgroup: String) throws(SystemCallFailure) -> [String] {
        try life.check()
        guard let (pod, path) = place(cgroup), pod.cgroups[path] != nil else { return [] }
        return [cgroup]
    }

    package func limit(_ pod: UID, _ resources: Resources) throws(SystemCallFailure) {
        try life.check()
        if resources.memory != nil { world.pod(pod).makeCgroup("/\(pod)/pod") }
    }

    package func limitAgain(
        _ pod: UID, _ resources: Resources
    ) async throws(SystemCallFailure) -> Blocker? {
        try await help(pod) { $0.makeCgroup("/\(pod)/pod") }
    }

    // MARK: Files

    package func writeNames(_ pod: Pod) async throws(SystemCallFailure) { try life.check() }

    package func writePlaces(_ pod: Pod, _ task: TaskSpec) throws(SystemCallFailure) {}

    package func writeUpdate(
        _ pod: Pod, _ task: TaskSpec, to limits: TaskResources
    ) throws(SystemCallFailure) -> [ControlWrite] {
        try life.check()
        return []
    }

    package func writeBundle(
        _ pod: Pod, _ task: TaskSpec, as user: ResolvedUser
    ) async throws(Failure) {
        do throws(SystemCallFailure) { try life.check() } catch {
            throw Failure(.shimFailed, "\(error)")
        }
        let made = world.pod(pod.uid)
        made.hasFolder = true
        made.bundles.insert(task.name.text)
        if task.isInit { made.initTasks.insert(task.name.text) }
    }

    package func exitFile(_ pod: UID, _ task: Label) throws(SystemCallFailure) -> ExitSight {
        try life.check()
        return world.pods[pod]?.exitFiles[task.text] ?? .none
    }

    package func attempts(
        _ pod: UID, _ task: Label, after attempt: UInt32
    ) throws(SystemCallFailure) -> [AttemptSight] {
        try life.check()
        let records = world.pods[pod]?.attemptFiles[task.text] ?? [:]
        var found: [AttemptSight] = []
        while found.count < AttemptSight.most,
            let record = records[attempt + 1 + UInt32(found.count)]
        {
            var exit: TaskExit?
            if case .exit(let stored) = record { exit = stored }
            found.append(
                AttemptSight(attempt: attempt + 1 + UInt32(found.count), exit: exit))
        }
        return found
    }

    package func removeFiles(
        _ pod: UID, keepingLogs: Bool
    ) async throws(SystemCallFailure) -> Blocker? {
        try await help(pod) { pod in
            pod.hasData = false
            if !keepingLogs { pod.hasLogs = false }
        }
    }

    package func removeFiles(_ pod: UID, _ task: Label) async throws(SystemCallFailure)
        -> Blocker?
    {
        try await help(pod) { pod in
            pod.bundles.remove(task.text)
            pod.exitFiles[task.text] = nil
            pod.attemptFiles[task.text] = nil
        }
    }

    /// Runs `body` as a helper in the pod's cgroup, once the disk answers, even if the daemon dies.
    private func help(
        _ uid: UID, _ body: @escaping @Loop (SimulatedPod) -> Void
    ) async throws(SystemCallFailure) -> Blocker? {
        try life.check()
        let (world, life) = (world, life)
        let pod = world.pod(uid)
        let helper = world.newPID()
        pod.makeCgroup("/\(uid)/helper", holding: helper)
        let isRefused = world.dice.once(in: 20)
        await withCheckedContinuation { continuation in
            world.retrying {
                if world.isDiskStuck { return false }
                // A helper that was killed while it waited does nothing.
                let isThere = pod.processes(in: "/\(uid)/helper").contains(helper)
                pod.end(helper)
                if isThere && !isRefused { body(pod) }
                world.tidy(uid)
                if life.goesOn() {
                    continuation.resume()
                } else {
                    world.graveyard.append(continuation)
                }
                return true
            }
        }
        return isRefused ? Blocker("the helper was killed") : nil
    }

    package func filesLeft(
        _ uid: UID, keepingLogs: Bool
    ) async throws(SystemCallFailure) -> Blocker? {
        try life.check()
        let (world, life) = (world, life)
        let isRefused = world.dice.once(in: 20)
        await withCheckedContinuation { continuation in
            world.retrying {
                if world.isDiskStuck { return false }
                if life.goesOn() {
                    continuation.resume()
                } else {
                    world.graveyard.append(continuation)
                }
                return true
            }
        }
        if isRefused { return Blocker("the helper was killed") }
        guard let pod = world.pods[uid], pod.hasData || pod.hasLogs && !keepingLogs else {
            return nil
        }
        return Blocker("a folder is there")
    }

    package func rootfsHolder(
        _ pod: UID, _ task: Label
    ) async throws(SystemCallFailure) -> Blocker? {
        try life.check()
        return world.dice.once(in: 10) ? Blocker("held by a descriptor", errno: "EBUSY") : nil
    }

    package func sharedMemoryHolder(_ pod: UID) async throws(SystemCallFailure) -> Blocker? {
        try life.check()
        return world.dice.once(in: 10) ? Blocker("held by a descriptor", errno: "EBUSY") : nil
    }

    package func removePart(_ pod: UID, _ part: String) async throws(SystemCallFailure) -> Blocker?
    { try await help(pod) { $0.parts.remove(part) } }

    package func removeRunFolder(_ pod: UID) throws(SystemCallFailure) {
        try life.check()
        guard let made = world.pods[pod] else { return }
        made.hasFolder = false
        made.bundles = []
        made.exitFiles = [:]
        made.attemptFiles = [:]
        world.tidy(pod)
    }

    package func hasRunFolder(_ pod: UID) throws(SystemCallFailure) -> Bool {
        try life.check()
        return world.pods[pod]?.hasFolder ?? false
    }

    package func layerRefusal() async -> String? { nil }

    package func tasksLeft(_ pod: UID, in workloads: [String]) -> [Label] {
        guard let made = world.pods[pod] else { return [] }
        let marks = workloads.compactMap { place($0)?.1 }.map { $0 + "/task-" }
        let inCgroups = made.cgroups.keys.flatMap { path in
            marks.filter(path.hasPrefix).map { String(path.dropFirst($0.utf8.count)) }
        }
        return made.bundles.union(inCgroups).compactMap { Label($0) }.sorted()
    }

    // MARK: Networks

    package func make(
        _ network: Network, _ pods: [Pod]
    ) async throws(SystemCallFailure) -> Blocker? {
        try await helpNetwork { $0.bridges.insert(network.uid) }
    }

    package func hasBridge(_ network: UID) -> Bool { world.bridges.contains(network) }

    package func removeNetwork(_ network: UID) async throws(SystemCallFailure) -> Blocker? {
        try await helpNetwork { $0.bridges.remove(network) }
    }

    package func detach(
        _ pod: UID, _ recorded: Pod?
    ) async throws(SystemCallFailure) -> Blocker? {
        try await helpNetwork { world in
            if recorded == nil { world.bridges.remove(pod) }
            world.pods[pod]?.parts.remove(WireInterface.part)
            world.tidy(pod)
        }
    }

    /// Runs `body` as a helper in no pod's cgroup, even if the daemon dies.
    private func helpNetwork(
        _ body: @escaping @Loop (World) -> Void
    ) async throws(SystemCallFailure) -> Blocker? {
        try life.check()
        let (world, life) = (world, life)
        if world.dice.once(in: 20) { return Blocker("the helper was killed") }
        await withCheckedContinuation { continuation in
            world.after(milliseconds: world.dice.below(40)) {
                body(world)
                if life.goesOn() {
                    continuation.resume()
                } else {
                    world.graveyard.append(continuation)
                }
            }
        }
        return nil
    }

    package func watchNetworks(_ changed: @escaping @Sendable @Loop () async -> Void) {}

    package func configurationFiles() async throws(SystemCallFailure) -> ConfigurationFiles {
        try life.check()
        await world.sleep(milliseconds: 5)
        return world.configurationFiles
    }

    package func watchConfigurations(
        _ seen: @escaping @Sendable @Loop (ConfigurationFiles) async -> Void
    ) {
        let (world, life) = (world, life)
        world.configurationsChanged = {
            if life.goesOn() { onLoop { await seen(world.configurationFiles) } }
        }
        world.configurationsChanged()
    }

    package func status(of network: ConfiguredNetwork, _ plugins: [String]) async -> NetworkStatus {
        world.statusQuestions += 1
        await world.answers { !$0.isPluginStuck }
        return world.networkStatus
    }

    package func collectGarbage(
        of network: ConfiguredNetwork, _ plugins: [String], keeping valid: [ValidAttachment]
    ) async -> [String]? {
        world.keptAttachments.append(valid)
        await world.answers { !$0.isPluginStuck }
        return []
    }

    package nonisolated func routes() -> [HostRoute] { [] }

    package func networkObjects(_ records: any Recorded) async -> [Observation] {
        records.beginLook()
        var interfaces: [String: String] = [:]
        do throws(SystemCallFailure) {
            interfaces = try names { $0.parts.contains(WireInterface.part) }
        } catch {}  // the daemon is dead
        let bridges = world.bridges.map { ("\($0)", Network.bridge(of: $0)) }
        let known = records.endLook()
        return [
            Observation(
                .bridges, Dictionary(uniqueKeysWithValues: bridges), recorded: known),
            Observation(.interfaces, interfaces, recorded: known),
            Observation(.ports, interfaces, recorded: known),
        ]
    }

    package func readLog(
        _ pod: UID, _ task: Label, path: String?, _ query: LogQuery,
        ready: @escaping @Sendable () -> Void
    ) -> any LogSource { EmptyLog() }

    package func forward(
        _ pod: UID, _ shim: ProcessIdentity, port: UInt16, ready: @escaping @Sendable () -> Void
    ) throws(SystemCallFailure) -> any PortForward {
        throw SystemCallFailure(call: "connect", subject: "port \(port)", errno: 111)
    }

    package func execSource(
        _ input: [UInt8]?, ready: @escaping @Sendable () -> Void
    ) throws(SystemCallFailure) -> any ExecSource { EmptyExec() }

    package func writeExec(
        _ pod: Pod, _ task: TaskSpec, _ exec: ExecSpec, id: String
    ) throws(SystemCallFailure) {
        if world.dice.once(in: 25) {
            throw SystemCallFailure(call: "open", subject: "exec", errno: 28)
        }
    }

    package func statistics(of pods: [Pod]) async -> [PodStatistics]? {
        world.statisticsReads += 1
        var read = CgroupStatistics()
        read[.cpuUsage] = world.statisticsReads
        await world.answers { !$0.areStatisticsStuck }
        if life.isOver { return nil }
        return pods.map { pod in
            PodStatistics(
                pod: pod, readAt: EngineClock.now, total: read, tasks: pod.tasks.map { _ in read },
                interfaces: [])
        }
    }

    // MARK: Looking

    package func helper(of pod: UID) -> String? { nil }

    package func place(of pid: Int32) -> String { "pid \(pid)" }

    package func command(of pid: Int32) -> String? { nil }

    package func isStopped(_ process: ProcessIdentity) -> Bool {
        world.pods.values.contains { $0.shim?.pid == process.pid && $0.shim?.isStopped == true }
    }

    package func runFolders() throws(SystemCallFailure) -> [String: String] {
        try names(\.hasFolder)
    }

    package func hasSocket(_ pod: UID) throws(SystemCallFailure) -> Bool {
        try life.check()
        return world.pods[pod]?.shim != nil
    }

    package func cgroups() throws(SystemCallFailure) -> [String: String] {
        try names { !$0.cgroups.isEmpty }
    }

    package func mounts() throws(SystemCallFailure) -> [String: String] { [:] }

    package func hostMounts() throws(SystemCallFailure) -> [HostMount] { [] }

    package func diskFolders(_ records: any Recorded) async -> [Observation] {
        records.beginLook()
        await world.sleep(milliseconds: 5)
        var seen: [(ResourceKind, [String: String])] = []
        do throws(SystemCallFailure) {
            seen = [
                (.data, try names(\.hasData)), (.logs, try names(\.hasLogs)),
                (.attachments, try names { $0.plugins.note != nil }),
            ]
            for kind in ResourceKind.parts {
                seen.append((kind, try names { $0.parts.contains(kind.rawValue) }))
            }
        } catch {}  // the daemon is dead
        await world.sleep(milliseconds: 5)
        let known = records.endLook()
        return seen.map { Observation($0.0, $0.1, recorded: known) }
    }

    private func names(
        _ isMeant: (SimulatedPod) -> Bool
    ) throws(SystemCallFailure) -> [String: String] {
        try life.check()
        var names: [String: String] = [:]
        for pod in world.pods.values where isMeant(pod) { names["\(pod.uid)"] = "\(pod.uid)" }
        return names
    }

    package func namespaces(of shim: ProcessIdentity, _ spec: PodSpec) -> [NamespaceIdentity] {
        []
    }

    package func heldNamespaces(_ records: any Recorded) async -> [HeldNamespace] { [] }

    package func forget(_ orphan: UID) {}
}

extension HostInfo {
    /// A host with cgroup v2 on which every create is possible.
    fileprivate static let simulated: HostInfo = {
        var info = HostInfo(
            runtimes: [RuntimeInfo(name: "runc", path: "runc")], kernelRelease: "0", cgroup: "v2",
            hasCgroupKill: false,
            bootID: "", seccomp: .builtIn, nestsCPULimits: false, hasMountAttributes: true,
            daemonPID: 1)
        info.runtimes[0].recursiveReadOnly = true
        return info
    }()
}

/// Simulated tasks write nothing.
private final class EmptyLog: LogSource {
    func pull() -> LogPull { .end }
    func finish() {}
    func close() {}
}
