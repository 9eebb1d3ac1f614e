// The keeper of an exec: a helper that runs the runtime's exec, adopts the exec's first process,
// carries its output and input, and ends with it.
//
// The end of the first process is the end of the exec. The bytes in the pipes are still sent then,
// but the keeper does not wait for processes that keep them open. If the keeper is killed, the shim
// ends the exec.

import Bytes
import Kernel
import Linux
import ShimProtocol

/// What the shim gives to a keeper.
struct ExecPlan {
    let exec: WireExec
    /// Whether the exec checks the task's health. Its file is then needed for the next check.
    let isCheck: Bool
    /// The task's first process, and its user.
    let task: ProcessIdentity
    let user: ResolvedUser
    let document: TaskDocument
    let command: RuntimeCommand
    let paths: TaskPaths
    let hierarchies: [CgroupHierarchy]
    let hidden: HiddenHierarchies
    /// The host's mount namespace.
    let host: CInt
    /// The socket with the next clients, and whose end asks for the exec's end.
    let control: CInt
    /// The client's connection; -1 if there is none.
    let stream: CInt
    /// The file of the standard input; -1 if there is none.
    let input: CInt
    /// The pipe for the exec's end.
    let result: CInt
}

/// Why no process of an exec runs.
private struct ExecRefusal: Error {
    let fault: ShimFault
    let detail: String
}

final class ExecKeeper {
    private enum Tag: UInt64 { case control, stream, child }

    /// Nanoseconds from SIGHUP to SIGKILL.
    private static let grace: Int64 = 2_000_000_000
    /// Nanoseconds for which a client can take the last output.
    private static let patience: Int64 = 30_000_000_000

    private let plan: ExecPlan
    private let cgroup: ExecCgroup
    private let epoll: Epoll
    private let control: PacketSocket
    private let result: OwnedDescriptor
    private let log: OwnedDescriptor
    private let logPath: String
    private var stream: ExecStream?
    /// Where the runtime sends the terminal, if there is one.
    private var console: Console?
    /// The runtime, until it has ended.
    private var runtime: Int32?
    /// The exec's first process, until it has ended.
    private var process: Int32?
    /// The watched end of one of them; `nil` if it cannot be watched, so that it is looked for.
    private var watched: PidDescriptor?
    private var startedAt: Int64 = 0
    /// CLOCK_BOOTTIME in nanoseconds at which the exec's time is over.
    private var timeOverAt: Int64?
    private var timedOut = false
    /// CLOCK_BOOTTIME in nanoseconds of the next SIGKILL; `nil` if the exec may live.
    private var killAt: Int64?
    private var kills = 0

    /// Adopts the descriptors of the plan, but not the stream and the input.
    private init(_ plan: ExecPlan) throws(SystemCallFailure) {
        self.plan = plan
        cgroup = ExecCgroup(
            plan.exec.id, plan.paths, plan.hierarchies,
            refusesHybrid: plan.document.refusesHybrid)
        control = PacketSocket(adopting: OwnedDescriptor(adopting: plan.control))
        result = OwnedDescriptor(adopting: plan.result)
        epoll = try Epoll()
        let ends = try Pipe().release()
        log = OwnedDescriptor(adopting: ends.reading)
        try log.setNonblocking()
        logPath = "/proc/\(OwnProcess.pid)/fd/\(ends.writing)"
        try epoll.add(control.descriptor.number, .readable, tag: Tag.control.rawValue)
    }

    /// Runs in the helper, to the exec's end.
    static func run(_ plan: ExecPlan) -> CInt {
        // A client or a process may hang up at any time.
        OwnProcess.ignoreBrokenPipes()
        do throws(SystemCallFailure) {
            let keeper = try ExecKeeper(plan)
            do throws(ExecRefusal) {
                try keeper.launch()
            } catch {
                keeper.tell(
                    WireExecEnd(
                        .failed(error.fault, detail: error.detail), startedAt: 0,
                        finishedAt: SystemClock.wall))
                return 0
            }
            keeper.keep()
            return 0
        } catch { return 1 }
    }

    // MARK: The runtime

    private func launch() throws(ExecRefusal) {
        let document = try processDocument()
        do throws(SystemCallFailure) {
            try cgroup.make()
            LogCgroup(plan.paths, plan.hierarchies).enter()
            try Sandbox.adoptOrphans()
            try Files.replace(documentPath, document)
            try startRuntime()
            watchChild()
        } catch { throw ExecRefusal(fault: .system, detail: error.description) }
        if let timeout = plan.exec.timeout {
            timeOverAt = SystemClock.sinceBoot + min(timeout, 1 << 40) * 1_000_000
        }
    }

    private var file: String { WireExec.file(plan.exec.id, in: plan.paths.bundle) }
    private var documentPath: String { file + ".json" }
    private var pidPath: String { file + ".pid" }
    private var consolePath: String { file + ".console" }

    private func processDocument() throws(ExecRefusal) -> [UInt8] {
        let file: ExecFile
        do {
            file = try ExecFile.parse(
                fileContent: try Files.read(self.file, limit: ExecFile.limit))
        } catch { throw ExecRefusal(fault: .system, detail: "\(self.file): \(error)") }
        return file.document(try user())
    }

    private func user() throws(ExecRefusal) -> ResolvedUser {
        if plan.exec.user.isEmpty { return plan.user }
        do throws(UserUnknown) {
            return try UserLookup(root: "/proc/\(plan.task.pid)/root").resolve(
                plan.exec.user, and: plan.document.groups,
                fromRootfs: plan.document.groupsFromRootfs)
        } catch { throw ExecRefusal(fault: .userUnknown, detail: error.detail) }
    }

    /// The process's ends of its streams.
    private struct StreamEnds: ~Copyable {
        let input: OwnedDescriptor
        let output: OwnedDescriptor
        let errors: OwnedDescriptor
    }

    private func openStreams() throws(SystemCallFailure) -> StreamEnds {
        let outEnds = try Pipe().release()
        let read = OwnedDescriptor(adopting: outEnds.reading)
        let out = OwnedDescriptor(adopting: outEnds.writing)
        let errorEnds = try Pipe().release()
        let readErrors = OwnedDescriptor(adopting: errorEnds.reading)
        let errors = OwnedDescriptor(adopting: errorEnds.writing)
        var given = try OwnedDescriptor.opening("/dev/null", 0)
        var input: OwnedDescriptor?
        switch plan.exec.input {
        case .empty: break
        case .stream:
            let ends = try Pipe().release()
            given = OwnedDescriptor(adopting: ends.reading)
            input = OwnedDescriptor(adopting: ends.writing)
        case .file: if plan.input >= 0 { given = OwnedDescriptor(adopting: plan.input) }
        }
        var client: StreamClient?
        if let stream = plan.exec.stream, plan.stream >= 0 {
            client = try StreamClient(OwnedDescriptor(adopting: plan.stream), stream)
        }
        let stream = try ExecStream(
            client, keepsOutput: plan.exec.isKept, output: read, errors: readErrors, input: input)
        try epoll.add(stream.number, .readable, tag: Tag.stream.rawValue)
        self.stream = stream
        return StreamEnds(input: given, output: out, errors: errors)
    }

    private func startRuntime() throws(SystemCallFailure) {
        let ends = try openStreams()
        if plan.exec.terminal != nil {
            console = try Console("exec-\(plan.exec.id).console", in: plan.paths.bundle)
        }
        let call = RuntimeCall.exec(
            process: documentPath, pidFile: pidPath, cgroup: cgroup.word)
        let (cgroup, hidden, host) = (cgroup, plan.hidden, plan.host)
        let command = Command(
            plan.command.arguments(call, log: logPath, console: console?.path))
        runtime = try command.forkAndExec(
            in: ends.input.number, out: ends.output.number, err: ends.errors.number
        ) {
            complaining(in: logPath) { () throws(SystemCallFailure) in
                try hidden.join()
                try cgroup.join()
                guard !hidden.isEmpty else { return }
                try Sandbox.enterHost(host, with: [], shared: [])
                hidden.hide()
            }
        }
    }

    /// The runtime has ended, so it has sent the terminal.
    private func takeTerminal() throws(SystemCallFailure) {
        guard let size = plan.exec.terminal else { return }
        defer { console = nil }
        guard let terminal = try console?.terminal() else {
            throw SystemCallFailure(call: "accept", subject: "the terminal", errno: 11)
        }
        try stream?.use(terminal, size)
    }

    private func runtimeEnded(_ exit: ChildExit) throws(ExecRefusal) {
        runtime = nil
        guard exit.code == 0 else { throw ExecRefusal(fault: .runtime, detail: whatItSaid(exit)) }
        var pid: Int32?
        ignoring("without a pid there is no process") { () throws(SystemCallFailure) in
            pid = Int32(try Files.text(pidPath, limit: 32).upTo("\n"))
        }
        guard let pid, Children.has(pid) else {
            throw ExecRefusal(fault: .runtime, detail: "the runtime has named no process")
        }
        process = pid
        startedAt = SystemClock.wall
        watchChild()
        do throws(SystemCallFailure) {
            try takeTerminal()
            try stream?.begin()
        } catch {
            // Without its stream no client would see it.
            end()
        }
    }

    private func whatItSaid(_ exit: ChildExit) -> String {
        if killAt != nil { return "the exec was ended before it began" }
        var words = RuntimeWords()
        words.add(stream?.takeWords() ?? [])
        ignoring("what cannot be read is not heard") { () throws(SystemCallFailure) in
            words.add(try log.read(limit: RuntimeWords.kept) ?? [])
        }
        if !words.bytes.isEmpty { return String(decoding: words.bytes, as: UTF8.self) }
        let end =
            exit.code.map { "ended with code \($0)" } ?? "was killed by signal \(exit.signal ?? 0)"
        return "the runtime \(end) and said nothing"
    }

    // MARK: The loop

    private func keep() {
        while true {
            for event in epoll.wait(milliseconds: millisecondsToNextTimer()) {
                switch Tag(rawValue: event.tag) {
                case .control: hear()
                case .stream:
                    stream?.advance()
                    if stream?.isGone ?? false, killAt == nil { end() }
                case .child, nil: break
                }
            }
            fireTimers()
            if let outcome = takeChild() { return finish(outcome) }
        }
    }

    /// Takes the clients that the shim sends. The socket's end asks for the exec's end.
    private func hear() {
        do {
            while var packet = try control.receiveWithDescriptors() {
                if packet.bytes.isEmpty {
                    epoll.remove(control.descriptor.number)
                    return end()
                }
                guard let socket = packet.descriptors.next() else { continue }
                stream?.attach(try StreamClient(socket, try WireStream.parse(packet.bytes)))
            }
        } catch {}  // the client sees its connection closed
    }

    /// The exec's outcome, if it has ended.
    private func takeChild() -> WireExecEnd.Outcome? {
        if let runtime {
            switch Children.take(runtime) {
            case .lives: return nil
            case .stranger: return .unknown
            case .exit(let exit):
                do throws(ExecRefusal) { try runtimeEnded(exit) } catch {
                    return .failed(error.fault, detail: error.detail)
                }
            }
        }
        guard let process else { return .unknown }
        switch Children.take(process) {
        case .lives: return nil
        case .stranger: return .unknown
        case .exit(let exit):
            self.process = nil
            return WireExecEnd.Outcome(exit)
        }
    }

    private func watchChild() {
        if let number = watched?.descriptor.number { epoll.remove(number) }
        watched = nil
        if let pid = process ?? runtime { watched = PidDescriptor.opening(pid) }
        guard let number = watched?.descriptor.number else { return }
        do throws(SystemCallFailure) {
            try epoll.add(number, .readable, tag: Tag.child.rawValue)
        } catch { watched = nil }  // it is looked for
    }

    private var isWatched: Bool { watched?.descriptor.number != nil }

    private func millisecondsToNextTimer() -> CInt {
        let next = min(timeOverAt ?? .max, killAt ?? .max)
        if next == .max { return isWatched ? -1 : 20 }
        let nanoseconds = max(0, next - SystemClock.sinceBoot)
        return CInt(min(nanoseconds / 1_000_000 + 1, isWatched ? 60_000 : 20))
    }

    private func fireTimers() {
        let now = SystemClock.sinceBoot
        if let timeOverAt, timeOverAt <= now {
            self.timeOverAt = nil
            timedOut = true
            killAt = now
        }
        if let killAt, killAt <= now { kill() }
    }

    // MARK: The end

    /// Asks the first process to end, and kills all of the exec's if it does not.
    private func end() {
        if killAt != nil { return }
        killAt = SystemClock.sinceBoot + (process == nil ? 0 : ExecKeeper.grace)
        if let process { Children.signal(process, 1) }
    }

    private func kill() {
        if let process { Children.signal(process, 9) }
        if let runtime { Children.signalGroup(runtime, 9) }
        cgroup.kill()
        killAt = SystemClock.sinceBoot + Shim.pause(after: kills)
        kills += 1
    }

    private func finish(_ outcome: WireExecEnd.Outcome) {
        stream?.finish()
        let end = WireExecEnd(
            outcome, timedOut: timedOut, startedAt: startedAt, finishedAt: SystemClock.wall)
        if killAt == nil, outcome.hasRun {
            cgroup.dissolve()
        } else {
            // A process that was forked meanwhile needs another turn, and one in the kernel waits.
            for _ in 0..<20 where !cgroup.killAndRemove() { SystemClock.pause(milliseconds: 10) }
        }
        // The shim first: of an end that it does not know, the daemon tells the client as well.
        tell(end)
        stream?.conclude { ExecStatus(of: plan.exec.id, $0).frames(end) }
        // The client may take the rest, but nothing waits for that.
        let until = SystemClock.sinceBoot + ExecKeeper.patience
        while let stream, stream.hasUnsent, SystemClock.sinceBoot < until {
            for event in epoll.wait(milliseconds: 1000) {
                if event.tag == Tag.control.rawValue { return }
                if event.tag == Tag.stream.rawValue { stream.advance() }
            }
        }
        // Of an exec that did not run, the daemon tells the client.
        if outcome.hasRun { stream?.close() }
    }

    /// Tells the shim, which then knows how the exec ended.
    private func tell(_ end: WireExecEnd) {
        for path in [documentPath, pidPath, consolePath] + (plan.isCheck ? [] : [file]) {
            ignoring("it goes with the task") { () throws(SystemCallFailure) in
                try Files.removeFile(path)
            }
        }
        ignoring("the shim then says that the end is unknown") { () throws(SystemCallFailure) in
            try result.writeAll(end.packet())
        }
    }
}

extension WireExecEnd.Outcome {
    init(_ exit: ChildExit) {
        self = exit.code.map { .exited(code: $0) } ?? .signaled(exit.signal ?? 0)
    }

    /// Whether the first process is known to have ended by itself, or by a signal.
    var hasRun: Bool {
        switch self {
        case .exited, .signaled: true
        case .failed, .unknown: false
        }
    }
}
