// One task of the pod, as its shim knows it.

import Kernel
import Linux
import ShimProtocol

//             mount               create                start
//   (new) ──────────> mounted ──────────> process ─────────────> process     exit: at any time
//     └── remove <── (unmounted) <── unmount <── delete <── stop ──┘
//
//   mounted: * the overlay is in this mount namespace  * `user` is the task's user
//   process: * the runtime has reported its pid  * it is our child, and not reaped
//   exit:    * stored in `exit` in the bundle before the child was reaped; it never changes
//
// With restarts (RestartVerbs.swift) the next attempt begins in `mounted`, and each exit has a
// record in `exits`.
//
// A task has at most one `job`, a child of the shim's. A request joins a running job of its own
// kind.
final class TaskSlot {
    let name: String
    let paths: TaskPaths
    /// What the daemon has told of the task; `nil` if it has only asked to remove the task.
    var document: TaskDocument?
    /// Counted from 1. Each attempt has one process and one exit.
    var attempt: UInt32 = 1
    var user: ResolvedUser?
    /// The runtime's start has succeeded; another request to start succeeds at once.
    var hasStarted = false
    /// The program was seen to have been executed; from then on its process is the task's own.
    var hasRun = false
    /// The check of the present attempt's filter; `nil` if the attempt has none to verify.
    var filterCheck: FilterCheck?
    /// Its processes were frozen by a request, so that a stop has to thaw them.
    var isFrozen = false
    /// Signals that wait for `hasRun`.
    var held: [HeldSignal] = []
    /// CLOCK_BOOTTIME in nanoseconds of the next check for `hasRun`.
    var nextProbe: Int64?
    /// A mount helper was started, and may have mounted although it did not say so.
    var triedToMount = false
    /// The overlay's device, if its superblock survives its unmount.
    var device: UInt64?
    var process: ProcessIdentity?
    var exit: TaskExit?
    var job: Job?
    var stop: StopState?
    var output: TaskOutput?
    var input = WireInput()
    /// Where the runtime sends the terminal, while it makes the task.
    var console: Console?
    /// What the outputs before `output` were.
    var formerLog = LogTotals()
    /// `nil` if the task is never restarted.
    var restarts: RestartState?
    /// `nil` if no health of it is checked.
    var health: TaskHealth?
    /// The change of its limits and restarts that is due or under way.
    var update: UpdateState?
    /// The id of the last update that was made.
    var lastUpdate: String?
    /// The log file, if a client names it.
    var clientLog: ClientLog?
    /// The child that opens that file, if no log writer does.
    var opening: Job?
    /// Requests to open it that came after the child had begun.
    var openingsDue: [UInt32] = []
    /// Removals that wait for the end of the log writer, or of `opening`.
    var removals: [UInt32] = []

    init(name: String, settings: ShimSettings) {
        self.name = name
        paths = TaskPaths(task: name, settings: settings)
    }

    /// The log's files.
    var logHome: LogHome { clientLog.map(LogHome.client) ?? .own(paths.log) }

    var isAlive: Bool { process != nil && exit == nil }

    /// The first attempt is being made, or was: from then on, nothing that the daemon has set for
    /// the task may change by a repeated request.
    var wasLaunched: Bool {
        process != nil || job?.kind == .create || restarts?.lastProcess != nil
    }

    /// Whether the runtime was asked to create and start in one call.
    var startsAtOnce: Bool {
        restarts?.isRestart ?? false || document?.startsAtOnce ?? false
    }

    /// The task's container, as the runtime knows it. Each task has a root directory of its own.
    func command(_ document: TaskDocument) -> RuntimeCommand {
        RuntimeCommand(
            program: document.runtime, root: paths.runtimeState, id: document.id,
            bundle: paths.bundle)
    }

    /// The reason for a delay of a removal, or of the shim's end, if the log's disk causes it.
    private var waitsForWriter: String? {
        guard let output, let writer = output.writer, output.isClosed else { return nil }
        return output.isKilled
            ? "the log writer was killed and has not ended: pid \(writer)"
            : "the log writer has not written everything: pid \(writer)"
    }

    /// The log of all attempts.
    var logState: LogState {
        var state = output?.state ?? LogState()
        state.totals = formerLog + state.totals
        return state
    }

    func report() -> ShimTaskReport {
        let job = job ?? opening
        var report = ShimTaskReport(
            name: name, process: process, exit: exit, job: job?.kind.rawValue, jobPID: job?.pid,
            jobSince: job?.since,
            waiting: stop?.waiting ?? restarts?.next?.waiting ?? waitsForWriter)
        report.attempt = attempt
        report.log = logState
        return report
    }
}

/// The paths of a task's files and cgroups.
struct TaskPaths {
    let bundle: String
    let rootfs: String
    /// The runtime's document, and the document that an update puts in its place.
    let configuration: String
    let nextConfiguration: String
    /// The places that the daemon wrote, and the targets that the mount helper made of them.
    let places: String
    let targets: String
    let pidFile: String
    /// If it exists, the task has a filter of system calls that has to be verified.
    let filterMark: String
    let exitFile: String
    /// In its place, for a task with restarts.
    let exitsFile: String
    /// A file that is made and removed before each restart.
    let room: String
    let runtimeState: String
    let data: String
    let upper: String
    let work: String
    let log: LogNames
    /// The cgroup that the runtime makes.
    let cgroup: String
    /// The task's cgroup in the hierarchies that have no parent of the client's; the same as
    /// `cgroup` if the client named none.
    let ownCgroup: String
    /// The log writer's cgroup. Its name cannot collide, because the tasks' begin with `task-`. It
    /// is below our own cgroup in any case: others kill what is in a client's parent, and a killed
    /// writer loses output.
    let logCgroup: String

    init(task: String, settings: ShimSettings) {
        bundle = "\(settings.podDirectory)/tasks/\(task)"
        rootfs = bundle + "/rootfs"
        configuration = bundle + "/config.json"
        nextConfiguration = bundle + "/" + WireUpdate.configuration
        places = bundle + "/places"
        targets = bundle + "/targets"
        pidFile = bundle + "/pid"
        filterMark = bundle + "/" + TaskDocument.filterMark
        exitFile = bundle + "/exit"
        exitsFile = bundle + "/" + AttemptFile.name
        room = bundle + "/room"
        runtimeState = "\(settings.podDirectory)/runtime/\(task)"
        data = "\(settings.dataDirectory)/\(task)"
        upper = data + "/upper"
        work = data + "/work"
        log = LogNames(directory: settings.logDirectory, task: task)
        ownCgroup = "\(settings.cgroup)/pod/task-\(task)"
        cgroup = settings.workload.map { "\($0)/task-\(task)" } ?? ownCgroup
        logCgroup = "\(settings.cgroup)/pod/log-\(task)"
    }
}

/// A child of the shim's that does one thing for a task, or for the pod.
final class Job {
    enum Kind: String {
        case mount
        case create = "runtime create"
        case start = "runtime start"
        case delete = "runtime delete"
        case unmount = "umount2"
        case remove = "remove files"
        case make = "make files"
        case freeze, thaw
        case update = "update of the limits"
        case openLog = "open the log"
    }

    let kind: Kind
    let pid: Int32
    /// CLOCK_BOOTTIME in nanoseconds.
    let since = SystemClock.sinceBoot
    /// The requests to answer at its end.
    var waiting: [UInt32]
    /// The pipe through which a helper sends its result.
    let result: OwnedDescriptor?
    /// The runtime's output.
    let talk: RuntimeTalk?
    /// The exit of the runtime's first process, if the job goes on in another process of it.
    private(set) var runtimeExit: ChildExit?

    init(
        _ kind: Kind, pid: Int32, for id: UInt32, result: consuming OwnedDescriptor?
    ) {
        self.kind = kind
        self.pid = pid
        waiting = [id]
        self.result = result
        talk = nil
    }

    /// The job as it goes on until this process of the runtime's ends.
    func goingOn(in process: Int32, after exit: ChildExit) -> Job {
        let job = Job(kind, pid: process, waiting: waiting, talk: talk)
        job.runtimeExit = exit
        return job
    }

    /// A run of the runtime.
    init(_ kind: Kind, pid: Int32, waiting: [UInt32], talk: RuntimeTalk?) {
        self.kind = kind
        self.pid = pid
        self.waiting = waiting
        result = nil
        self.talk = talk
    }

    /// Whether it is the runtime, in a process group of its own.
    var isRuntime: Bool {
        switch kind {
        case .create, .start, .delete: true
        case .mount, .unmount, .remove, .make, .freeze, .thaw, .update, .openLog: false
        }
    }

    func kill() {
        // A newly forked child may not lead its group yet.
        if isRuntime { Children.signalGroup(pid, 9) }
        Children.signal(pid, 9)
    }

    /// The result that the helper wrote before it ended.
    func takeResult() -> [UInt8] {
        do { return try result?.read(limit: 8192).flatMap { $0 } ?? [] } catch { return [] }
    }
}
