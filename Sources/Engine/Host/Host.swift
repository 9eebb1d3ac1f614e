// What the engine needs of the machine: everything outside its own memory and its store.
//
// `LinuxHost` is the real machine. `SimulatedHost` exists only in memory, so that the same engine
// lives through a hundred thousand histories of faults in a minute.

package import EventLoop
package import Linux
package import Model
package import ShimProtocol

/// Whether a pod's shim lives.
package enum ShimPresence: Sendable {
    case lives
    case gone
}

/// What a shim tells without being asked.
package struct ShimEvents: Sendable {
    package let sawExit: @Sendable @Loop (String, WireExit) -> Void
    /// Called once, when the shim hangs up.
    package let lost: @Sendable @Loop () -> Void
}

/// A connection to one shim: requests and replies, matched by number.
@Loop package protocol ShimClient: AnyObject, Sendable {
    var isOpen: Bool { get }
    /// The shim's answer; `nil` where it hung up before. There is no deadline.
    func ask(_ request: ShimRequest) async -> ShimReply?
    /// Sends without waiting for the answer.
    func tell(_ request: ShimRequest)
    /// Returns once the shim, which has hung up, has ended.
    func ended() async
}

/// What a task's exit file says.
package enum ExitSight: Equatable, Sendable {
    /// There is none: the runtime was never asked to make the task.
    case none
    /// The runtime was asked, and no exit has been stored.
    case open
    case exit(WireExit)
}

/// Only `async` methods may block; they delegate to helper processes.
@Loop package protocol Host: Sendable {
    // MARK: Shims

    /// Asks the pod's lock. "Cannot be told" is thrown, and is never `gone`.
    func shimPresence(_ pod: UID) throws(SystemCallFailure) -> ShimPresence
    /// Starts the pod's shim, with its lock taken and its socket listening before it exists.
    func startShim(
        _ pod: Pod, _ events: ShimEvents
    ) throws(SystemCallFailure) -> any ShimClient
    /// The line to a shim that lives. `recorded` is who it was when it was last seen.
    func connect(
        _ pod: UID, recorded: ProcessIdentity?, _ events: ShimEvents
    ) throws(SystemCallFailure) -> any ShimClient
    /// What the shim said at its end, for people.
    func shimLog(_ pod: UID) -> String

    // MARK: Cgroups, by path from the root of each hierarchy

    func processes(in cgroup: String) throws(SystemCallFailure) -> Set<Int32>
    func kill(_ cgroup: String) throws(SystemCallFailure)
    func remove(_ cgroup: String, children: [String]) throws(SystemCallFailure)
    /// The hierarchies in which it still stands.
    func directories(of cgroup: String) throws(SystemCallFailure) -> [String]
    /// Writes a pod's limits into its new cgroup.
    func limit(_ pod: UID, _ resources: Resources) throws(SystemCallFailure)
    /// Writes them anew, and takes away those that are not set: the kernel may have to reclaim.
    func limitAgain(_ pod: UID, _ resources: Resources) async throws(SystemCallFailure)
        -> Blocker?

    // MARK: Files

    /// What the mount helper has to know of the task's mounts, before it is asked for the rootfs.
    func writePlaces(_ pod: UID, _ task: TaskSpec) throws(SystemCallFailure)
    func writeBundle(
        _ pod: UID, _ task: TaskSpec, as user: ResolvedUser
    ) throws(SystemCallFailure)
    func exitFile(_ pod: UID, _ task: Label) throws(SystemCallFailure) -> ExitSight
    /// Removes a pod's upper layers, and its logs unless they are kept, where no shim does it.
    func removeFiles(
        _ pod: UID, keepingLogs: Bool
    ) async throws(SystemCallFailure) -> Blocker?
    /// The same for one task, with its bundle.
    func removeFiles(_ pod: UID, _ task: Label) async throws(SystemCallFailure) -> Blocker?
    /// Looks for the pod's folders in the data and the log directory, unless logs are kept; what is
    /// there yet, or why that cannot be told.
    func filesLeft(_ pod: UID, keepingLogs: Bool) async throws(SystemCallFailure) -> Blocker?
    /// Why tasks' overlays cannot have their upper layers in the data directory; `nil` if they can,
    /// or if that cannot be told.
    func layerRefusal() async -> String?
    /// Whether a task's overlay lives on, and by whom, though neither its shim nor any process of
    /// the pod does.
    func rootfsHolder(_ pod: UID, _ task: Label) async throws(SystemCallFailure) -> Blocker?
    /// Whether the tasks' /dev/shm lives on, and by whom, though the shim does not.
    func sharedMemoryHolder(_ pod: UID) async throws(SystemCallFailure) -> Blocker?
    /// Removes the pod's folder in the run directory; whether it is gone is asked with the next.
    func removeRunFolder(_ pod: UID) throws(SystemCallFailure)
    func hasRunFolder(_ pod: UID) throws(SystemCallFailure) -> Bool
    /// The tasks of which there is a bundle or a cgroup.
    func tasksLeft(_ pod: UID) -> [Label]

    /// Whether the task's container has the task's name for an id, as daemons before this version
    /// made them: its pod lives on through an upgrade.
    func hasContainerByName(_ pod: UID, _ task: Label) -> Bool

    // MARK: Looking

    /// The daemon's own helper that works for a pod, and where it is; `nil` if there is none.
    func helper(of pod: UID) -> String?
    /// Where a process is, such as `pid 4121, state D, ovl_sync_fs`.
    func place(of pid: Int32) -> String
    /// The command that a process runs now, such as `runc`; `nil` if there is no such process.
    func command(of pid: Int32) -> String?
    /// Whether it is stopped, by a signal or a tracer.
    func isStopped(_ process: ProcessIdentity) -> Bool
    /// By name, where each entry of the pods' directory in the run directory is.
    func runFolders() throws(SystemCallFailure) -> [String: String]
    func hasSocket(_ pod: UID) throws(SystemCallFailure) -> Bool
    /// By uid, one place of each cgroup that has a pod's uid for its name.
    func cgroups() throws(SystemCallFailure) -> [String: String]
    /// Mounts of ours in the host's mount namespace.
    func mounts() throws(SystemCallFailure) -> [String: String]
    /// The pods' folders on the disks, as a helper has listed them: the last list if a disk takes
    /// too long.
    func diskFolders(_ records: any Recorded) async -> [Observation]
    /// The shim's own namespaces, as far as they can be seen; empty if the shim has ended.
    func namespaces(of shim: ProcessIdentity, ownNetwork: Bool) -> [NamespaceIdentity]
    /// Namespaces that tasks hold by a descriptor: a deleted pod's, or a namespace without any
    /// process.
    func heldNamespaces(_ records: any Recorded) async -> [HeldNamespace]
    /// An orphan is gone: what was seen of it before is no longer so.
    func forget(_ orphan: UID)
    /// For the daemon's end: the parent cgroup, where no pod is in it.
    nonisolated func leave()
}
