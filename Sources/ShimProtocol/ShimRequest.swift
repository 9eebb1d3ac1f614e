// The daemon's requests to a shim. Each can be repeated: it then joins the running job, or returns
// the result.

package enum ShimRequest: Equatable, Sendable {
    /// Asks for the shim's identity and state: `status`.
    case status
    /// Mounts the task's overlay and resolves its user in it: `mounted`.
    case mount(task: String, TaskDocument)
    /// Runs the runtime (create, or create and start in one); its output goes to the task's log:
    /// `running`. A later document replaces the one of `mount`, for example if the runtime moved.
    case create(task: String, TaskDocument)
    /// Lets the shim restart the task, which has not been created yet: `done`.
    case setRestart(task: String, WireRestart)
    /// Lets the shim check the health of the task, which has not been created yet: `done`.
    case setHealth(task: String, WireHealth)
    /// Asks for the health of a task: `health`, with the changes after `since`. The daemon has
    /// stored the changes up to `since`, so the shim can forget them.
    case health(task: String, since: UInt64)
    /// Gives the task, which has not been created yet, an input or a terminal: `done`.
    case setInput(task: String, WireInput)
    /// Gives the task one more client, with the descriptor that comes along as its stream: `done`,
    /// or `failed`.
    case attachTask(String, WireStream)
    /// Runs the runtime's start: `done`. If the task waits for a restart, that is due now: `done`
    /// when the task has started.
    case start(task: String)
    /// Asks for the attempts of a task with restarts: `attempts`, with the exits after `since`. The
    /// daemon has stored the exits up to `since`, so the shim can forget them.
    case attempts(task: String, since: UInt32)
    /// Runs one more process in the task, with the descriptor that comes along as its stream:
    /// `done` when its keeper runs. Repeated, it runs nothing. Its end is told by `execEnded`.
    case exec(task: String, WireExec)
    /// Gives the exec, which must be kept, the descriptor that comes along as its next stream:
    /// `done`, or `failed`. A former stream is closed.
    case attachExec(id: String, WireStream)
    /// Ends an exec: `done` at once, also if there is none.
    case endExec(id: String)
    /// Asks for the execs of the pod: `execs`.
    case execs
    /// The daemon has stored the end of an exec, which the shim can forget: `done`.
    case forgetExec(id: String)
    /// Sends a signal to the task's first process: `done`, or `failed(.notRunning)`.
    case signal(task: String, number: Int32)
    /// Freezes the task's processes, or thaws them: `done` when the kernel says that they are.
    case freeze(task: String, Bool)
    /// Changes the task's limits and restarts, also for its next attempts: `done`; or
    /// `failed(.system)` if nothing has changed; or `stillThere` while that is not certain.
    case update(task: String, WireUpdate)
    /// Opens the task's log file, which a client names, and makes it if it is missing: `done`, or
    /// `failed` if that is not possible. A log writer then changes over to it between two lines. If
    /// it fails, nothing is made, and the writer goes on in the former file.
    case openLog(task: String, ClientLog)
    /// Ends the task: sends `signal`, and after `grace` milliseconds SIGKILL to its whole cgroup.
    /// The reply is `done` when it is reaped, its exit is stored and its cgroup is empty. A later
    /// request can only shorten the grace.
    case stop(task: String, signal: Int32, grace: Int64)
    /// Runs the runtime's delete if that has anything to do, then removes the task's state and
    /// cgroups: `done` or `stillThere`.
    case delete(task: String)
    /// Unmounts the task's overlay: `done` or `stillThere`.
    case unmount(task: String)
    /// Removes the task's upper layer, log and bundle, and forgets the task: `done` or
    /// `stillThere`.
    case remove(task: String)
    /// Removes the pod's upper layers, and its logs unless they are kept, when no task is left:
    /// `done` or `stillThere`.
    case removeAll(keepingLogs: Bool)
    /// Makes a part of the pod that its tasks share, as the document says: `done`.
    case makePart(name: String, document: [UInt8])
    /// Removes a part of the pod, when no task is left: `done` or `stillThere`.
    case removePart(name: String)
    /// Ends the shim if nothing is left in it: the end of the connection is the reply. Otherwise
    /// `stillThere`.
    case exit
}

/// The version of the messages. A shim outlives the daemon that started it, so a daemon speaks the
/// versions of all shims since 1. A shim of version 1 closes the connection if a packet is of
/// version 2. A shim answers in the version of the request.
package enum ShimVersion {
    package static let current: UInt16 = 2
    /// Without documents, attempts and capabilities.
    package static let oldest: UInt16 = 1
}

extension ShimRequest {
    /// Encodes a packet of the current version; the reply repeats `id`.
    package func packet(id: UInt32) -> [UInt8] {
        packet(id: id, ShimVersion.current) { writer, kind in
            switch kind {
            case .mount(let task, let document): writer.put(11, task, document)
            case .create(let task, let document): writer.put(12, task, document)
            case .start(let task): writer.put(13, task)
            case .delete(let task): writer.put(14, task)
            }
        }
    }

    /// Encodes a packet of version 1, in which the daemon composes the runtime's command lines.
    package func packetOfVersion1(
        id: UInt32, _ arguments: (RuntimeCall, _ task: String, TaskDocument?) -> [String]
    ) -> [UInt8] {
        packet(id: id, ShimVersion.oldest) { writer, kind in
            switch kind {
            case .mount(let task, let document):
                writer.put(1, task)
                writer.put(document.lower)
                writer.put(document.user)
            case .create(let task, let document):
                let call: RuntimeCall = document.startsAtOnce ? .run : .create
                writer.put(2, task, arguments(call, task, document))
            case .start(let task): writer.put(3, task, arguments(.start, task, nil))
            case .delete(let task): writer.put(6, task, arguments(.delete, task, nil))
            }
        }
    }

    /// The requests whose form depends on the version.
    private enum Versioned {
        case mount(String, TaskDocument)
        case create(String, TaskDocument)
        case start(String)
        case delete(String)
    }

    private func packet(
        id: UInt32, _ version: UInt16, _ put: (inout WireWriter, Versioned) -> Void
    ) -> [UInt8] {
        var writer = WireWriter()
        writer.put(version)
        writer.put(id)
        switch self {
        case .status: writer.put(0 as UInt8)
        case .mount(let task, let document): put(&writer, .mount(task, document))
        case .create(let task, let document): put(&writer, .create(task, document))
        case .start(let task): put(&writer, .start(task))
        case .delete(let task): put(&writer, .delete(task))
        case .signal(let task, let number): writer.put(4, task, number)
        case .stop(let task, let signal, let grace):
            writer.put(5, task)
            writer.put(signal)
            writer.put(grace)
        case .unmount(let task): writer.put(7, task, [])
        case .remove(let task): writer.put(8, task, [])
        case .exit: writer.put(9 as UInt8)
        // A shim of version 1 does not know parts. It is never asked for one, because a pod that
        // has parts has a later shim.
        case .makePart(let name, let document):
            writer.put(15, name)
            writer.put(list: document) { writer, byte in writer.put(byte) }
        case .removePart(let name): writer.put(16, name)
        // A shim of version 1 hangs up, and the task stays as it is.
        case .freeze(let task, let isFrozen):
            writer.put(17, task)
            writer.put(flag: isFrozen)
        // A daemon asks a shim that does not have the capability for none of these.
        case .setRestart(let task, let restart):
            writer.put(18, task)
            restart.write(&writer)
        case .attempts(let task, let since): writer.put(19, task, since)
        // An earlier shim reads the plain form.
        case .exec(let task, let exec):
            writer.put(exec.isPlain ? 21 : 27, task)
            exec.write(&writer)
        case .attachExec(let id, let stream):
            writer.put(26, id)
            stream.write(&writer)
        case .endExec(let id): writer.put(22, id)
        case .execs: writer.put(23 as UInt8)
        case .forgetExec(let id): writer.put(24, id)
        case .update(let task, let update):
            writer.put(25, task)
            update.write(&writer)
        case .openLog(let task, let log):
            writer.put(20, task)
            log.write(&writer)
        case .setHealth(let task, let health):
            writer.put(29, task)
            health.write(&writer)
        case .health(let task, let since): writer.put(30, task, since)
        case .setInput(let task, let input):
            writer.put(28, task)
            input.write(&writer)
        case .attachTask(let task, let stream):
            writer.put(31, task)
            stream.write(&writer)
        case .removeAll(let keepsLogs):
            writer.put(10 as UInt8)
            writer.put(flag: keepsLogs)
        }
        return writer.bytes
    }

    /// Parses a packet of any version. Of version 1, it does not know the requests that make
    /// something, because only a daemon that is older than the pod's shim sends them.
    package static func parse(
        _ packet: [UInt8]
    ) throws(WireFault) -> (version: UInt16, id: UInt32, request: ShimRequest) {
        var reader = WireReader(packet)
        let version = try reader.version()
        let id = try reader.number(UInt32.self)
        let kind = try reader.byte()
        let request =
            version == ShimVersion.current
            ? try parse(kind, &reader) : try parseVersion1(kind, &reader)
        try reader.end()
        return (version, id, request)
    }

    private static func parse(
        _ kind: UInt8, _ reader: inout WireReader
    ) throws(WireFault) -> ShimRequest {
        switch kind {
        case 0: return .status
        case 4: return .signal(task: try reader.text(), number: try reader.number())
        case 5:
            return .stop(
                task: try reader.text(), signal: try reader.number(), grace: try reader.number())
        case 7: return .unmount(task: try reader.nameOnly())
        case 8: return .remove(task: try reader.nameOnly())
        case 9: return .exit
        case 10: return .removeAll(keepingLogs: try reader.flag())
        case 11: return .mount(task: try reader.text(), try TaskDocument.read(&reader))
        case 12: return .create(task: try reader.text(), try TaskDocument.read(&reader))
        case 13: return .start(task: try reader.text())
        case 14: return .delete(task: try reader.text())
        case 15:
            return .makePart(
                name: try reader.text(),
                document: try reader.list { (reader: inout WireReader) throws(WireFault) in
                    try reader.byte()
                })
        case 16: return .removePart(name: try reader.text())
        case 17: return .freeze(task: try reader.text(), try reader.flag())
        case 18: return .setRestart(task: try reader.text(), try WireRestart.read(&reader))
        case 19: return .attempts(task: try reader.text(), since: try reader.number())
        case 21:
            return .exec(task: try reader.text(), try WireExec.read(&reader, isPlain: true))
        case 27:
            let task = try reader.text()
            let exec = try WireExec.read(&reader, isPlain: false)
            if exec.isPlain { throw WireFault("a plain exec in the form of another one") }
            return .exec(task: task, exec)
        case 22: return .endExec(id: try reader.text())
        case 23: return .execs
        case 24: return .forgetExec(id: try reader.text())
        case 25: return .update(task: try reader.text(), try WireUpdate.read(&reader))
        case 26: return .attachExec(id: try reader.text(), try WireStream.read(&reader))
        case 20: return .openLog(task: try reader.text(), try ClientLog.read(&reader))
        case 29: return .setHealth(task: try reader.text(), try WireHealth.read(&reader))
        case 30: return .health(task: try reader.text(), since: try reader.number())
        case 28: return .setInput(task: try reader.text(), try WireInput.read(&reader))
        case 31: return .attachTask(try reader.text(), try WireStream.read(&reader))
        default: throw WireFault("request \(kind)")
        }
    }

    private static func parseVersion1(
        _ kind: UInt8, _ reader: inout WireReader
    ) throws(WireFault) -> ShimRequest {
        switch kind {
        case 0, 4, 5, 7...10: return try parse(kind, &reader)
        case 3: return .start(task: try reader.nameWithArguments())
        case 6: return .delete(task: try reader.nameWithArguments())
        default: throw WireFault("request \(kind)")
        }
    }
}

extension WireWriter {
    fileprivate mutating func put(_ kind: UInt8, _ task: String) {
        put(kind)
        put(task)
    }

    fileprivate mutating func put<Number: FixedWidthInteger>(
        _ kind: UInt8, _ task: String, _ number: Number
    ) {
        put(kind, task)
        put(number)
    }

    fileprivate mutating func put(_ kind: UInt8, _ task: String, _ arguments: [String]) {
        put(kind, task)
        put(list: arguments) { writer, text in writer.put(text) }
    }

    fileprivate mutating func put(_ kind: UInt8, _ task: String, _ document: TaskDocument) {
        put(kind, task)
        document.write(&self)
    }
}

extension WireReader {
    /// The version of a packet, if it is known.
    mutating func version() throws(WireFault) -> UInt16 {
        let version = try number(UInt16.self)
        guard (ShimVersion.oldest...ShimVersion.current).contains(version) else {
            throw WireFault("version \(version)")
        }
        return version
    }

    private mutating func texts() throws(WireFault) -> [String] {
        try list { (reader: inout WireReader) throws(WireFault) in try reader.text() }
    }

    fileprivate mutating func nameOnly() throws(WireFault) -> String {
        let name = try text()
        guard try texts().isEmpty else { throw WireFault("unexpected arguments") }
        return name
    }

    /// A task's name. The runtime's arguments are ignored, because the shim composes them.
    fileprivate mutating func nameWithArguments() throws(WireFault) -> String {
        let name = try text()
        _ = try texts()
        return name
    }
}
