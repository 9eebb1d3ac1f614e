// What the engine needs from the machine: everything outside its own memory and its store.
//
// `LinuxHost` is the real machine. `SimulatedHost` exists only in memory, so that tests run the
// same engine through a hundred thousand histories of faults in a minute.

package import CNI
package import EventLoop
package import Kernel
package import Model
package import ShimProtocol

/// Whether a pod's shim lives.
package enum ShimPresence: Sendable {
    case lives
    case gone
}

extension SystemCallFailure {
    /// Whether a shim's socket did not exist (ENOENT, ENOTDIR), or no process listened on it
    /// (ECONNREFUSED).
    package var isWithoutSocket: Bool { [2, 20, 111].contains(errno) }
}

/// What a shim reports without being asked.
package struct ShimEvents: Sendable {
    package let sawExit: @Sendable @Loop (String, TaskExit) -> Void
    package let sawLog: @Sendable @Loop (String, LogState) -> Void
    /// The attempts of this task are to be asked for.
    package let attemptsChanged: @Sendable @Loop (String) -> Void
    /// An exec has ended.
    package let execEnded: @Sendable @Loop (String, WireExecEnd) -> Void
    /// The health of this task has changed.
    package let sawHealth: @Sendable @Loop (String, WireHealthReport) -> Void
    /// Called once, when the shim hangs up.
    package let lost: @Sendable @Loop () -> Void

    package init(
        sawExit: @escaping @Sendable @Loop (String, TaskExit) -> Void,
        sawLog: @escaping @Sendable @Loop (String, LogState) -> Void,
        attemptsChanged: @escaping @Sendable @Loop (String) -> Void,
        execEnded: @escaping @Sendable @Loop (String, WireExecEnd) -> Void,
        sawHealth: @escaping @Sendable @Loop (String, WireHealthReport) -> Void,
        lost: @escaping @Sendable @Loop () -> Void
    ) {
        self.sawExit = sawExit
        self.sawLog = sawLog
        self.attemptsChanged = attemptsChanged
        self.execEnded = execEnded
        self.sawHealth = sawHealth
        self.lost = lost
    }
}

/// A connection to one shim: requests and replies, matched by number.
@Loop package protocol ShimClient: AnyObject, Sendable {
    var isOpen: Bool { get }
    /// Returns the shim's answer; `nil` if the shim hung up first. There is no deadline.
    func ask(_ request: ShimRequest) async -> ShimReply?
    /// The same for the request for an exec, with the descriptors of its stream.
    func ask(_ request: ShimRequest, passing source: any ExecPassing) async -> ShimReply?
    /// Sends without waiting for the answer.
    func tell(_ request: ShimRequest)
    /// Returns once the shim, which has hung up, has ended.
    func ended() async
}

/// The content of a task's exit file.
package enum ExitSight: Equatable, Sendable {
    /// There is no file: the runtime was never asked to make the task.
    case none
    /// The runtime was asked, and no exit has been stored.
    case open
    case exit(TaskExit)
}

/// The record of one attempt in the file that a shim has left.
package struct AttemptSight: Equatable, Sendable {
    package let attempt: UInt32
    /// `nil` if the attempt has begun, and its exit is not stored.
    package let exit: TaskExit?

    package init(attempt: UInt32, exit: TaskExit?) {
        self.attempt = attempt
        self.exit = exit
    }

    /// The most records that one look returns.
    package static let most = 256
}

/// Space on the records' file system that is kept for deletes (law 13). Any thread may call it.
package protocol Reserve: Sendable {
    /// Takes the space, if there is enough and the reserve does not have it yet.
    func hold()
    /// Takes the space back as soon as there is room, after it was given up.
    func takeBack()
    /// Frees the space for the next write. Returns `false` if there was none.
    func giveUp() -> Bool
}

/// A route of the host, such as that of a physical interface.
package struct HostRoute: Equatable, Sendable {
    package let destination: IPPrefix
    package let interface: String

    package init(destination: IPPrefix, interface: String) {
        self.destination = destination
        self.interface = interface
    }
}

/// Only `async` methods may block; they delegate to helper processes.
@Loop package protocol Host: Sendable {
    // MARK: The whole host

    /// The facts at the moment of the call.
    nonisolated var info: HostInfo { get }
    /// Returns why no create with this runtime is possible now; `nil` if one is. A call starts a
    /// new look at the runtimes unless the last look is too recent.
    nonisolated func createRefusal(_ runtime: String?) -> String?
    /// Waits for the first look at what creates need, at most `milliseconds`. The thread that
    /// starts the daemon calls it.
    nonisolated func awaitFirstLook(milliseconds: Int32)
    /// `nil` if the records are not on a file system.
    nonisolated var reserve: (any Reserve)? { get }
    /// Called when the daemon ends. Removes the parent cgroup if it contains no pod.
    nonisolated func leave()

    // MARK: Shims

    /// Tests the pod's lock. If that fails, it throws: a failure is never `gone`.
    func shimPresence(_ pod: UID) throws(SystemCallFailure) -> ShimPresence
    /// Starts the pod's shim. Its lock is taken and its socket listens before the process exists.
    func startShim(
        _ pod: Pod, _ events: ShimEvents
    ) throws(SystemCallFailure) -> any ShimClient
    /// Connects to a live shim. `recorded` is the shim's process as it was last seen.
    func connect(
        _ pod: UID, recorded: ProcessIdentity?, _ events: ShimEvents
    ) throws(SystemCallFailure) -> any ShimClient
    /// Returns what the shim said at its end, for display.
    func shimLog(_ pod: UID) -> String

    // MARK: Cgroups, by path from the root of each hierarchy

    func processes(in cgroup: String) throws(SystemCallFailure) -> Set<Int32>
    func kill(_ cgroup: String) throws(SystemCallFailure)
    func remove(_ cgroup: String, children: [String]) throws(SystemCallFailure)
    /// Returns the directories of the cgroup in the hierarchies in which it still exists.
    func directories(of cgroup: String) throws(SystemCallFailure) -> [String]
    /// Whether a hierarchy has the cgroup.
    nonisolated func hasCgroup(_ path: String) -> Bool
    /// Returns the cgroups of a pod's tasks that are below clients' parents, found by the pod's
    /// uid: for a pod whose record does not tell the parent.
    func outsideCgroups(of pod: UID) throws(SystemCallFailure) -> [String]
    /// Writes a pod's limits into its new cgroup.
    func limit(_ pod: UID, _ resources: Resources) throws(SystemCallFailure)
    /// Writes the limits again, and removes each limit that is not set. The kernel may have to
    /// reclaim memory.
    func limitAgain(_ pod: UID, _ resources: Resources) async throws(SystemCallFailure)
        -> Blocker?

    // MARK: Files

    /// Writes the files that tell the pod's tasks names, unless they exist. Called before
    /// `writePlaces`.
    func writeNames(_ pod: Pod) async throws(SystemCallFailure)
    /// Writes what the mount helper must know of the task's mounts. Called before the request for
    /// the rootfs.
    func writePlaces(_ pod: Pod, _ task: TaskSpec) throws(SystemCallFailure)
    /// Writes the runtime's document of the task. A helper looks at the devices and the profile
    /// that the task names.
    func writeBundle(
        _ pod: Pod, _ task: TaskSpec, as user: ResolvedUser
    ) async throws(Failure)
    /// Writes the runtime's document for the attempts of the task after an update of its limits,
    /// and returns the control files that the shim is to change.
    func writeUpdate(
        _ pod: Pod, _ task: TaskSpec, to limits: TaskResources
    ) throws(SystemCallFailure) -> [ControlWrite]
    func exitFile(_ pod: UID, _ task: Label) throws(SystemCallFailure) -> ExitSight
    /// Returns the attempts of a task with restarts that come after this one, oldest first, and at
    /// most `AttemptSight.most`. Used when the shim is gone.
    func attempts(
        _ pod: UID, _ task: Label, after attempt: UInt32
    ) throws(SystemCallFailure) -> [AttemptSight]
    /// Removes a pod's upper layers, and its logs unless they are kept. Used when no shim does it.
    func removeFiles(
        _ pod: UID, keepingLogs: Bool
    ) async throws(SystemCallFailure) -> Blocker?
    /// Removes the same for one task, and its bundle.
    func removeFiles(_ pod: UID, _ task: Label) async throws(SystemCallFailure) -> Blocker?
    /// Looks for the pod's folders in the data directory and, unless logs are kept, in the log
    /// directory. Returns the remaining folders, or why the look failed.
    func filesLeft(_ pod: UID, keepingLogs: Bool) async throws(SystemCallFailure) -> Blocker?
    /// Returns why tasks' overlays cannot have their upper layers in the data directory; `nil` if
    /// they can, or if that is unknown.
    func layerRefusal() async -> String?
    /// Returns what keeps a task's overlay alive when its shim and all processes of the pod are
    /// gone; `nil` if the overlay is gone.
    func rootfsHolder(_ pod: UID, _ task: Label) async throws(SystemCallFailure) -> Blocker?
    /// Returns what keeps the tasks' /dev/shm alive when the shim is gone; `nil` if it is gone.
    func sharedMemoryHolder(_ pod: UID) async throws(SystemCallFailure) -> Blocker?
    /// Removes a part of the pod (`CreateStep.part`), and looks for what keeps it alive. Used when
    /// no shim does it.
    func removePart(_ pod: UID, _ part: String) async throws(SystemCallFailure) -> Blocker?
    /// Removes the pod's folder in the run directory. `hasRunFolder` tells whether it is gone.
    func removeRunFolder(_ pod: UID) throws(SystemCallFailure)
    func hasRunFolder(_ pod: UID) throws(SystemCallFailure) -> Bool
    /// Returns the tasks that still have a bundle, or a cgroup in one of `workloads`.
    func tasksLeft(_ pod: UID, in workloads: [String]) -> [Label]

    // MARK: Networks

    /// Makes a network of ours, or completes it: its bridge, its entries in the firewall, and
    /// those of its pods that are missing.
    func make(_ network: Network, _ pods: [Pod]) async throws(SystemCallFailure) -> Blocker?
    /// Whether the network's bridge exists. It looks without waiting for anything.
    func hasBridge(_ network: UID) -> Bool
    /// Removes the network with this uid.
    func removeNetwork(_ network: UID) async throws(SystemCallFailure) -> Blocker?
    /// Removes the interface of a pod, its host ports and the connections of its addresses.
    /// Without a record of its interface `recorded` is `nil`, and all that has the pod's mark is
    /// looked for.
    func detach(
        _ pod: UID, _ recorded: Pod?
    ) async throws(SystemCallFailure) -> Blocker?
    /// Calls `changed` whenever another program has removed our part of the firewall. Called once.
    func watchNetworks(_ changed: @escaping @Sendable @Loop () async -> Void)
    /// Reads the directories of network plugins now, however long that takes.
    func configurationFiles() async throws(SystemCallFailure) -> ConfigurationFiles
    /// Calls `seen` with what is in those directories, after each change. Called once.
    func watchConfigurations(_ seen: @escaping @Sendable @Loop (ConfigurationFiles) async -> Void)
    /// Asks the plugins of a network whether they can attach pods. A plugin has a bounded time to
    /// answer.
    func status(of network: ConfiguredNetwork, _ plugins: [String]) async -> NetworkStatus
    /// Runs GC: asks each plugin of the network to remove whatever belongs to none of these
    /// attachments. Returns what the plugins said that failed; `nil` if the network has no GC. A
    /// plugin has a bounded time.
    func collectGarbage(
        of network: ConfiguredNetwork, _ plugins: [String], keeping valid: [ValidAttachment]
    ) async -> [String]?
    /// The routes of the host's main table, as far as they can be read at once.
    nonisolated func routes() -> [HostRoute]
    /// Returns our bridges, interfaces and host ports, as a helper listed them.
    func networkObjects(_ records: any Recorded) async -> [Observation]
    /// Reads what the kernel counts for these pods and their tasks, in their order, in a helper;
    /// `nil` if the helper failed.
    func statistics(of pods: [Pod]) async -> [PodStatistics]?
    /// Starts a helper that reads a task's log, which is in the file `path` if that is not `nil`.
    /// It calls `ready` when there is something to pull.
    func readLog(
        _ pod: UID, _ task: Label, path: String?, _ query: LogQuery,
        ready: @escaping @Sendable () -> Void
    ) throws(SystemCallFailure) -> any LogSource

    /// Begins to connect to a port on the pod's loopback addresses. It calls `ready` when the
    /// outcome is known.
    func forward(
        _ pod: UID, _ shim: ProcessIdentity, port: UInt16, ready: @escaping @Sendable () -> Void
    ) throws(SystemCallFailure) -> any PortForward

    /// Makes the stream of an exec with this standard input. It calls `ready` when there is
    /// something to pull.
    func execSource(
        _ input: [UInt8]?, ready: @escaping @Sendable () -> Void
    ) throws(SystemCallFailure) -> any ExecSource
    /// Writes what the shim must know of an exec's process. Called before the request for it.
    func writeExec(
        _ pod: Pod, _ task: TaskSpec, _ exec: ExecSpec, id: String
    ) throws(SystemCallFailure)

    // MARK: Networks of plugins

    /// Asks each of the plugins, in a cgroup of the pod, which versions of CNI it supports. A
    /// plugin is not asked again as long as its file is the same.
    func versions(
        of plugins: [FoundPlugin], for pod: UID
    ) async throws(Failure) -> [String: [CNIVersion]]
    /// Writes the note about the pod's attachments, and runs ADD. After a failure, DEL has to
    /// follow.
    func attach(
        _ attachment: PodAttachment, of pod: UID, note: [UInt8]
    ) async throws(Failure) -> PodAttachment.Made
    /// Runs CHECK, unless `isWanted` says no right before. Returns why a plugin finds fault with
    /// the interface; `nil` if none does, or none can be asked.
    func check(
        _ attachment: PodAttachment, of pod: UID, isWanted: @Loop () -> Bool
    ) async -> String?
    /// Runs DEL of all attachments, in reverse order, unless they are deleted already. Then removes
    /// whatever still names the pod: interfaces, addresses, rules, and at last the note. `shim` is
    /// `nil` if the shim is gone.
    func detach(
        _ attachments: [PodAttachment], of pod: UID, from shim: ProcessIdentity?, areDeleted: Bool
    ) async -> PluginDetachment
    /// Returns the note about the pod's attachments; empty if there is none.
    func attachmentNote(_ pod: UID) async throws(SystemCallFailure) -> [UInt8]
    /// Describes the plugin that works for the pod, and its place in the kernel.
    func plugin(of pod: UID) -> String?

    // MARK: Looking

    /// Describes where a process is, such as `pid 4121, state D, ovl_sync_fs`.
    func helper(of pod: UID) -> String?
    /// Where a process is, such as `pid 4121, state D, ovl_sync_fs`.
    func place(of pid: Int32) -> String
    /// Returns the command that a process runs now, such as `runc`; `nil` if there is no such
    /// process.
    func command(of pid: Int32) -> String?
    /// Whether a signal or a tracer has stopped the process.
    func isStopped(_ process: ProcessIdentity) -> Bool
    /// Returns the path of each entry of the pods' directory in the run directory, by name.
    func runFolders() throws(SystemCallFailure) -> [String: String]
    func hasSocket(_ pod: UID) throws(SystemCallFailure) -> Bool
    /// Returns one directory of each cgroup that has a pod's uid as its name, by uid.
    func cgroups() throws(SystemCallFailure) -> [String: String]
    /// Returns our mounts in the host's mount namespace.
    func mounts() throws(SystemCallFailure) -> [String: String]
    /// Returns all mounts in the host's mount namespace.
    func hostMounts() throws(SystemCallFailure) -> [HostMount]
    /// Returns the pods' folders on the disks, as a helper listed them. If a disk takes too long,
    /// returns the last list.
    func diskFolders(_ records: any Recorded) async -> [Observation]
    /// Returns the shim's own namespaces, as far as they can be seen; empty if the shim has ended.
    func namespaces(of shim: ProcessIdentity, _ spec: PodSpec) -> [NamespaceIdentity]
    /// Returns the namespaces that tasks hold by a descriptor: those of a deleted pod, and those
    /// without any process.
    func heldNamespaces(_ records: any Recorded) async -> [HeldNamespace]
    /// Forgets what was seen of an orphan that is gone.
    func forget(_ orphan: UID)
}
