// A machine that exists only in memory: the objects of the pods on it, and its faults.
//
// The machine works on while no daemon runs: shims work, tasks end, disks recover.

package import CNI
package import EventLoop
package import Host
package import Kernel
package import Model
package import ShimProtocol
package import Synchronization

@Loop package final class World {
    package var dice: Dice
    /// The objects of each pod. A pod without objects is not in it.
    package var pods: [UID: SimulatedPod] = [:]
    /// The uids of the networks whose bridge exists.
    package var bridges: Set<UID> = []
    /// What the directories of network plugins contain. A change is reported to the daemon.
    package var configurationFiles = ConfigurationFiles(directory: "/etc/cni/net.d") {
        didSet { configurationsChanged() }
    }
    var configurationsChanged: () -> Void = {}
    /// The answer of every network's plugins to STATUS, and how often they were asked.
    package var networkStatus = NetworkStatus.unsupported
    package var statusQuestions = 0
    /// What each GC was to keep.
    package var keptAttachments: [[ValidAttachment]] = []
    /// Whether the plugins are gone: no DEL succeeds.
    package var arePluginsGone = false
    /// What the look after DEL finds of every pod and cannot remove.
    package var leftByPlugins: Blocker?
    /// Whether plugins hang.
    package var isPluginStuck = false
    /// Whether the helpers that read statistics wait in the kernel.
    package var areStatisticsStuck = false
    /// How many of these helpers were started.
    package var statisticsReads: UInt64 = 0
    /// The true exit of each task that had a process, by the pid.
    package var truth: [Int32: TaskExit] = [:]
    /// The process of each attempt of a task with restarts.
    package var attempts: [SimulatedAttempt: Int32] = [:]
    /// How often each exec was begun, by its operation, and how it ended.
    package var execsRun: [String: Int] = [:]
    package var execEnds: [String: WireExecEnd.Outcome] = [:]
    /// The exit codes of the next processes of init tasks. Without one, chance decides.
    package var initCodes: [Int32] = []
    /// Whether the programs of init tasks do not end.
    package var areInitsHeld = false
    /// The processes of each init task, by the task's uid, in the order of their starts.
    package var initRuns: [String: [Int32]] = [:]
    /// The processes whose exit a shim has stored.
    package var stored: Set<Int32> = []
    /// Whether the cgroup exists that pods name as their parent. Any thread reads it.
    package nonisolated var hasParent: Bool {
        get { parentExists.load(ordering: .relaxed) }
        set { parentExists.store(newValue, ordering: .relaxed) }
    }
    private nonisolated let parentExists = Atomic<Bool>(true)
    /// Whether disks hang. Unmounts and removals of files wait for them.
    package var isDiskStuck = false
    /// Whether kills have no effect, as on a process in state D.
    package var isKillStuck = false
    /// What dead daemons wait for. It is never resumed, and never released.
    package var graveyard: [Any] = []
    private var lastPID: Int32 = 100
    private var events: [(at: Int64, order: Int, run: @Loop () -> Void)] = []
    private var lastOrder = 0

    /// When the next event is due; `.max` if there is none. The thread that drives the time reads
    /// it.
    package nonisolated let nextEvent = Atomic<Int64>(.max)

    package init(seed: UInt64) { dice = Dice(seed: seed) }

    package var now: Int64 { Loop.shared.reactor.simulatedNow }

    // MARK: Time

    /// Calls `run` after `milliseconds` of the machine's time, even if the daemon dies.
    package func after(milliseconds: Int, _ run: @escaping @Loop () -> Void) {
        lastOrder += 1
        let event = (now + Int64(milliseconds) * 1_000_000, lastOrder, run)
        let place = events.lastIndex { $0.at <= event.0 }.map { $0 + 1 } ?? 0
        events.insert(event, at: place)
        nextEvent.store(events[0].at, ordering: .relaxed)
    }

    package func runDue() {
        while let first = events.first, first.at <= now {
            events.removeFirst()
            first.run()
        }
        nextEvent.store(events.first?.at ?? .max, ordering: .relaxed)
    }

    package func sleep(milliseconds: Int) async {
        await withCheckedContinuation { continuation in
            after(milliseconds: milliseconds) { continuation.resume() }
        }
    }

    /// Calls `body` again and again until it returns `true`.
    func retrying(every milliseconds: Int = 200, _ body: @escaping @Loop () -> Bool) {
        if body() { return }
        after(milliseconds: milliseconds) { self.retrying(every: milliseconds, body) }
    }

    /// Returns as soon as nothing holds what answers.
    func answers(_ isFree: @escaping @Loop (World) -> Bool) async {
        await withCheckedContinuation { answered in
            retrying {
                guard isFree(self) else { return false }
                answered.resume()
                return true
            }
        }
    }

    // MARK: Pods

    func pod(_ uid: UID) -> SimulatedPod {
        if let pod = pods[uid] { return pod }
        let pod = SimulatedPod(uid, self)
        pods[uid] = pod
        return pod
    }

    /// Forgets a pod without any objects.
    func tidy(_ uid: UID) { if pods[uid]?.pieces.isEmpty ?? false { pods[uid] = nil } }

    func newPID() -> Int32 {
        lastPID += 1
        return lastPID
    }

    /// Kills a shim by SIGKILL. Its mounts are gone with it; its tasks stay.
    package func killShim(of uid: UID) {
        guard let pod = pods[uid], let shim = pod.shim else { return }
        shim.die()
        tidy(uid)
    }

    /// Kills all processes of a pod's tasks by SIGKILL.
    package func killTasks(of uid: UID) {
        guard let pod = pods[uid] else { return }
        let pids = pod.processes(in: "/\(uid)/pod").union(pod.processes(in: World.parent))
        for pid in pids.sorted() { pod.kill(pid) }
    }

    /// The cgroup that pods name as their parent.
    package nonisolated static let parent = "/kubepods"

    /// Another program kills everything in the parent, and removes it with all below it, except
    /// for cgroups that still have processes. It may make the parent again.
    package func removeParent() {
        for pod in pods.values {
            for pid in pod.processes(in: World.parent).sorted() { pod.kill(pid) }
        }
        hasParent = false
        for pod in Array(pods.values) {
            let top = World.parent + "/"
            let gone = pod.cgroups.keys.filter {
                $0.hasPrefix(top) && pod.processes(in: $0).isEmpty
            }
            for path in gone { pod.cgroups[path] = nil }
            tidy(pod.uid)
        }
        after(milliseconds: dice.below(10_000)) { [self] in hasParent = true }
    }

    /// Makes some objects of a pod without a record.
    package func plantOrphan(_ uid: UID) {
        let orphan = pod(uid)
        orphan.hasData = true
        orphan.hasLogs = dice.once(in: 2)
        orphan.hasFolder = dice.once(in: 2)
        for kind in ResourceKind.parts where dice.once(in: 2) { orphan.parts.insert(kind.rawValue) }
        if dice.once(in: 2) { orphan.parts.insert(WireInterface.part) }
        if dice.once(in: 2) {
            orphan.plugins.note = []
            orphan.plugins.objects = [.address("eth0"), .rules("eth0")]
        }
        if dice.once(in: 4) { bridges.insert(uid) }
        if dice.once(in: 2) { orphan.makeCgroup("/\(uid)/pod/task-left") }
        if dice.once(in: 2) {
            orphan.makeCgroup("\(World.parent)/staunch-\(uid)/task-left", holding: newPID())
        }
    }

    /// Ends all faults: nothing hangs, and stopped shims run again.
    package func heal() {
        isDiskStuck = false
        isKillStuck = false
        arePluginsGone = false
        for pod in pods.values { pod.shim?.isStopped = false }
    }
}

/// The objects of one pod.
@Loop package final class SimulatedPod {
    package let uid: UID
    let world: World
    package var hasFolder = false
    package var hasData = false
    package var hasLogs = false
    /// The parts that a shim has made, by name.
    package var parts: Set<String> = []
    package var plugins = SimulatedAttachments()
    package var shim: SimulatedShim?
    /// The cgroup of the tasks' cgroups.
    var workload: String
    /// The cgroups below the daemon's parent, by their paths from there, and below the parent that
    /// the pod names, each with its processes.
    package var cgroups: [String: Set<Int32>] = [:]
    var bundles: Set<String> = []
    /// The names of the init tasks, whose programs always end.
    var initTasks: Set<String> = []
    var exitFiles: [String: ExitSight] = [:]
    /// The records of the attempts of a task with restarts.
    var attemptFiles: [String: [UInt32: ExitSight]] = [:]

    init(_ uid: UID, _ world: World) {
        self.uid = uid
        self.world = world
        workload = "/\(uid)/pod"
    }

    var isOutside: Bool { workload.hasPrefix(World.parent) }

    /// The existing objects of the pod, in words.
    package var pieces: [String] {
        var found: [String] = []
        if hasFolder { found.append("folder") }
        if hasData { found.append("data") }
        if hasLogs { found.append("logs") }
        if shim != nil { found.append("shim") }
        if !plugins.isEmpty { found.append("\(plugins.objects) and a note of plugins") }
        found += parts.sorted().map { "part \($0)" }
        return found + cgroups.keys.sorted().map { "cgroup \($0)" }
    }

    /// Makes a cgroup and its ancestors.
    func makeCgroup(_ path: String, holding pid: Int32? = nil) {
        var whole = ""
        for name in path.split(separator: "/") {
            whole += "/\(name)"
            if whole == World.parent { continue }
            cgroups[whole] = cgroups[whole] ?? []
        }
        if let pid { cgroups[path, default: []].insert(pid) }
    }

    func processes(in path: String) -> Set<Int32> {
        cgroups.reduce(into: []) { all, entry in
            if entry.key == path || entry.key.hasPrefix(path + "/") { all.formUnion(entry.value) }
        }
    }

    /// Ends a process.
    func end(_ pid: Int32) {
        for path in cgroups.keys { cgroups[path]?.remove(pid) }
        shim?.sawEnd(of: pid)
    }

    /// Kills a process by SIGKILL. It ends as soon as kills have an effect.
    func kill(_ pid: Int32) {
        world.retrying { [self] in
            if world.isKillStuck { return false }
            if world.truth[pid] == nil {
                // Some processes are killed before they have executed their program.
                world.truth[pid] = TaskExit(
                    status: world.dice.once(in: 16) ? .neverRan(signal: 9) : .signal(9),
                    oomKilled: false, finishedAt: EngineClock.wall)
            }
            end(pid)
            return true
        }
    }
}
