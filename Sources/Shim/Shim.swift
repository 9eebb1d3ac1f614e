// The shim: one process for each pod, and the pod's sandbox itself. It outlives the daemon.
//
// It has one thread, which never makes a call that can block: its children make those calls. A new
// daemon gets the shim's state with `status`.

package import Kernel
package import Linux
package import ShimProtocol

package final class Shim {
    let settings: ShimSettings
    let epoll: Epoll
    let signals: SignalDescriptor
    var listener: PacketSocket
    /// Held as long as the shim lives: the lock, not a pid, tells whether it is alive.
    let lock: OwnedDescriptor
    /// The lock that replaced `lock`, if `lock` was removed.
    var laterLock: OwnedDescriptor?
    /// The mount namespace in which the daemon started the shim.
    let hostMounts: OwnedDescriptor
    /// The network namespace in which the daemon started the shim, if the pod has an interface
    /// there, and the pod's own; -1 if not. They are open for the shim's life.
    let hostNetwork: CInt
    let podNetwork: CInt
    let hierarchies: [CgroupHierarchy]
    let identity: ProcessIdentity
    /// `nil` if the tasks have the host's.
    let sharedMemory: MemoryFileSystem?
    /// The first process of the PID namespace that the tasks share; `nil` if they share none, or if
    /// it has ended.
    var reaper: Reaper?
    /// By name.
    var parts: [String: any PodPart] = [:]
    /// The parts without a folder that a helper has made wholly.
    var finished: Set<String> = []
    /// The child that makes or removes a part's files.
    var partJob: (name: String, job: Job)?
    /// Requests to make a part that wait for the end of `partJob`, which makes another part.
    var partsDue: [(name: String, document: [UInt8], id: UInt32)] = []
    var connection: ShimConnection?
    /// CLOCK_BOOTTIME in nanoseconds of the next accept, if no descriptor was left for a
    /// connection.
    var listensAgainAt: Int64?
    var slots: [String: TaskSlot] = [:]
    /// In the order of their start.
    var execs: [ExecSlot] = []
    var checkRuns: [CheckRun] = []
    /// Unknown children that ended while the runtime was running: one of them may be the task's
    /// first process.
    var orphans: [Int32: Orphan] = [:]
    /// The child that removes the pod's files.
    var removal: Job?
    /// Removals of the whole pod that wait for a log writer's end.
    var removals: [(id: UInt32, keepsLogs: Bool)] = []
    /// Log writers of abandoned creates, until they are reaped.
    var formerWriters: [Int32] = []
    /// A task was created or started: the shim may be idle from now on, so it returns unused
    /// memory.
    var isMemoryDue = false
    /// The request that waits for the shim's end, until the last log writer has ended.
    var exitRequested: UInt32?

    /// Makes the calling process the pod's sandbox. `lock` is locked and `listener` listens.
    package init(
        _ settings: ShimSettings, lock: consuming OwnedDescriptor,
        listener: consuming PacketSocket, pid: Int32
    ) throws(SystemCallFailure) {
        Sandbox.keepMemorySmall()
        self.settings = settings
        self.lock = lock
        self.listener = listener
        // SIGCHLD; all others stay blocked.
        signals = try SignalDescriptor([17, ShimSettings.showSignal])
        hierarchies = try Cgroups.hierarchies()
        try Cgroup(path: settings.cgroup + "/shim", hierarchies: hierarchies).join()
        hostMounts = try OwnedDescriptor.opening("/proc/self/ns/mnt", 0)
        let keepsNetwork = settings.keepsHostNetwork
        hostNetwork =
            keepsNetwork ? try OwnedDescriptor.opening("/proc/self/ns/net", 0).release() : -1
        // The program's mount may be missing in the sandbox.
        let program =
            settings.sharesPID ? try Mounts.cloneReadOnly("/proc/self/exe").release() : -1
        try Sandbox.adoptOrphans()
        try Sandbox.enter(
            hostname: settings.hostname, ownNetwork: settings.ownNetwork,
            ownIPC: !settings.hostIPC, needed: ["/proc", "/sys", settings.podDirectory])
        podNetwork =
            keepsNetwork ? try OwnedDescriptor.opening("/proc/self/ns/net", 0).release() : -1
        Namespaces.keepOwn(
            ShimSettings.namespaces(ownNetwork: settings.ownNetwork, ownIPC: !settings.hostIPC))
        sharedMemory = settings.hostIPC ? nil : try MemoryFileSystem.shared(settings)
        if program >= 0 {
            let file = OwnedDescriptor(adopting: program)
            reaper = try Reaper(of: settings, program: file, shim: pid)
        }
        identity = try ProcFS.identity(of: pid)
        epoll = try Epoll()
        try epoll.add(signals.descriptor.number, .readable, tag: Watched.signals.tag)
        try epoll.add(self.listener.descriptor.number, .readable, tag: Watched.listener.tag)
    }

    /// Executes a request; each request is answered once, now or later.
    func handle(_ request: ShimRequest, id: UInt32, _ passed: inout PassedDescriptors) {
        switch request {
        case .status: reply(id, .status(report()))
        case .mount(let task, let document): mount(task, document, id: id)
        case .create(let task, let document): create(task, document, id: id)
        case .setRestart(let task, let policy): setRestart(task, policy, id: id)
        case .attempts(let task, let since): attempts(task, since: since, id: id)
        case .start(let task): start(task, id: id)
        case .signal(let task, let number): signal(task, number, id: id)
        case .stop(let task, let signal, let grace):
            stop(task, signal: signal, grace: grace, id: id)
        case .freeze(let task, let isFrozen): freeze(task, isFrozen, id: id)
        case .update(let task, let update): self.update(task, update, id: id)
        case .setHealth(let task, let health): setHealth(task, health, id: id)
        case .health(let task, let since): health(task, since: since, id: id)
        case .setInput(let task, let input): setInput(task, input, id: id)
        case .attachTask(let task, let stream): attach(task, stream, &passed, id: id)
        case .openLog(let task, let log): openLog(task, log, id: id)
        case .delete(let task): delete(task, id: id)
        case .unmount(let task): unmount(task, id: id)
        case .remove(let task): remove(task, id: id)
        case .removeAll(let keepsLogs): removeAll(keepingLogs: keepsLogs, id: id)
        case .makePart(let name, let document): makePart(name, document, id: id)
        case .removePart(let name): removePart(name, id: id)
        case .exec(let task, let exec): self.exec(task, exec, &passed, id: id)
        case .attachExec(let exec, let stream): attachExec(exec, stream, &passed, id: id)
        case .endExec(let exec): endExec(exec, id: id)
        case .execs:
            connection?.asksForExecs = true
            reply(id, .execs(execs.filter { !$0.isCheck }.map(\.report)))
        case .forgetExec(let exec): forgetExec(exec, id: id)
        case .exit: exit(id: id)
        }
    }

    func report() -> ShimReport {
        var tasks = slots.values.map { $0.report() }
        if let removal = removal ?? partJob?.job {
            // The pod's own job: no task has an empty name.
            tasks.append(
                ShimTaskReport(
                    name: "", process: nil, exit: nil, job: removal.kind.rawValue,
                    jobPID: removal.pid, jobSince: removal.since, waiting: nil))
        }
        return ShimReport(shim: identity, tasks: tasks)
    }

    func slot(_ task: String) -> TaskSlot {
        if let slot = slots[task] { return slot }
        let slot = TaskSlot(name: task, settings: settings)
        slots[task] = slot
        return slot
    }

    func cgroup(of slot: TaskSlot) -> TaskCgroup {
        TaskCgroup(slot.paths, hierarchies)
    }

    func reply(_ id: UInt32, _ reply: ShimReply) { send(.reply(id: id, reply)) }

    func reply(to ids: [UInt32], _ answer: ShimReply) { for id in ids { reply(id, answer) } }
}
