// Execs: one more process in a running task, as daemon and shim speak of it.

package import Kernel

/// An exec that a shim is asked to run. The first descriptor that comes with the request is the
/// stream, if there is one; the shim closes its end when the exec has ended.
package struct WireExec: Equatable, Sendable {
    /// Unique among the execs of the pod; a part of file names.
    package let id: String
    /// `user[:group]` as a task has it; empty for the task's own user.
    package let user: String
    /// Milliseconds from the start to the exec's end by SIGKILL; `nil` if there is no limit.
    package let timeout: Int64?
    package let input: Input
    /// The size of its terminal; `nil` if it has none.
    package let terminal: TerminalSize?
    /// Whether it runs on without a client.
    package let isKept: Bool
    /// `nil` if no client is there yet.
    package let stream: WireStream?

    /// The standard input of the process.
    package enum Input: UInt8, Sendable, CaseIterable {
        case empty
        /// The channel 0 of the stream.
        case stream
        /// A file, whose descriptor comes after that of the stream.
        case file
    }

    package init(
        id: String, user: String, timeout: Int64?, input: Input, terminal: TerminalSize? = nil,
        isKept: Bool = false, stream: WireStream? = .daemon
    ) {
        self.id = id
        self.user = user
        self.timeout = timeout
        self.input = input
        self.terminal = terminal
        self.isKept = isKept
        self.stream = stream
    }

    /// Whether a shim that only knows the daemon's streams can run it.
    package var isPlain: Bool { terminal == nil && !isKept && stream == .daemon }

    /// The file that the daemon writes into the task's bundle before it asks.
    package static func file(_ id: String, in bundle: String) -> String { "\(bundle)/exec-\(id)" }
}

/// A client's connection, whose descriptor comes along.
package struct WireStream: Equatable, Sendable {
    package let framing: StreamFraming
    /// The bytes that the client sent before the connection was handed over.
    package let early: [UInt8]

    package init(_ framing: StreamFraming, early: [UInt8] = []) {
        self.framing = framing
        self.early = early
    }

    /// The daemon's own, whose output it reads for its client.
    package static let daemon = WireStream(.frames)
}

/// The process for the runtime, in JSON, without its user and its last brace. The keeper adds them,
/// because names are looked up in the task's rootfs.
package struct ExecFile: Equatable, Sendable {
    /// For the user 0, and for any other one: their capabilities differ.
    package let asRoot: [UInt8]
    package let asOther: [UInt8]
    package let umask: UInt32

    /// The largest file that is read, in bytes.
    package static let limit = 4 << 20

    package init(asRoot: [UInt8], asOther: [UInt8], umask: UInt32) {
        self.asRoot = asRoot
        self.asOther = asOther
        self.umask = umask
    }

    package func fileContent() -> [UInt8] {
        var writer = WireWriter()
        writer.put(1 as UInt16)
        writer.put(bytes: asRoot)
        writer.put(bytes: asOther)
        writer.put(umask)
        return writer.bytes
    }

    package static func parse(fileContent: [UInt8]) throws(WireFault) -> ExecFile {
        var reader = try WireReader(fileContent, version: 1)
        let file = ExecFile(
            asRoot: try reader.bytes(), asOther: try reader.bytes(), umask: try reader.number())
        try reader.end()
        return file
    }

    /// The runtime's process document (runtime-spec 1.0.2, `process`).
    package func document(_ user: ResolvedUser) -> [UInt8] {
        let more = user.additionalGIDs.map { "\($0)" }.joined(separator: ",")
        let text =
            ",\"user\":{\"uid\":\(user.uid),\"gid\":\(user.gid),\"umask\":\(umask),"
            + "\"additionalGids\":[\(more)]}}"
        return (user.uid == 0 ? asRoot : asOther) + Array(text.utf8)
    }
}

/// How an exec ended.
package struct WireExecEnd: Equatable, Sendable {
    package enum Outcome: Equatable, Sendable {
        /// The first process ended, at its own end or killed by the exec's timeout.
        case exited(code: Int32)
        case signaled(Int32)
        /// The runtime, or a look at the rootfs, failed; no process of the exec ran.
        case failed(ShimFault, detail: String)
        /// The keeper was killed, and all processes of the exec with it.
        case unknown
    }

    package let outcome: Outcome
    package let timedOut: Bool
    /// Milliseconds since 1970; 0 if the process never ran.
    package let startedAt: Int64
    package let finishedAt: Int64

    package init(_ outcome: Outcome, timedOut: Bool = false, startedAt: Int64, finishedAt: Int64) {
        self.outcome = outcome
        self.timedOut = timedOut
        self.startedAt = startedAt
        self.finishedAt = finishedAt
    }
}

/// An exec as its shim knows it. The shim keeps the end until the daemon says that it is stored.
package struct WireExecReport: Equatable, Sendable {
    /// The most ended execs that a shim keeps.
    package static let most = 64

    package let id: String
    package let task: String
    /// The process of the shim's that keeps it; `nil` if that has ended.
    package let keeper: Int32?
    /// `nil` while it runs.
    package let end: WireExecEnd?

    package init(id: String, task: String, keeper: Int32?, end: WireExecEnd?) {
        self.id = id
        self.task = task
        self.keeper = keeper
        self.end = end
    }
}

extension WireExec {
    func write(_ writer: inout WireWriter) {
        writer.put(id)
        writer.put(user)
        writer.put(optional: timeout) { writer, timeout in writer.put(timeout) }
        writer.put(input.rawValue)
        if isPlain { return }
        writer.put(optional: terminal) { writer, size in
            writer.put(size.columns)
            writer.put(size.rows)
        }
        writer.put(flag: isKept)
        writer.put(optional: stream) { writer, stream in stream.write(&writer) }
    }

    /// `isPlain`: in the form that earlier shims read too.
    static func read(
        _ reader: inout WireReader, isPlain: Bool
    ) throws(WireFault) -> WireExec {
        let (id, user) = (try reader.text(), try reader.text())
        let timeout = try reader.optional { (reader: inout WireReader) throws(WireFault) in
            try reader.number(Int64.self)
        }
        let number = try reader.byte()
        guard let input = Input(rawValue: number) else { throw WireFault("input \(number)") }
        if isPlain {
            return WireExec(id: id, user: user, timeout: timeout, input: input)
        }
        let terminal = try reader.optional { (reader: inout WireReader) throws(WireFault) in
            TerminalSize(columns: try reader.number(), rows: try reader.number())
        }
        return WireExec(
            id: id, user: user, timeout: timeout, input: input, terminal: terminal,
            isKept: try reader.flag(),
            stream: try reader.optional { (reader: inout WireReader) throws(WireFault) in
                try WireStream.read(&reader)
            })
    }
}

extension WireStream {
    /// For the socket from a shim to a keeper.
    package func packet() -> [UInt8] {
        var writer = WireWriter()
        write(&writer)
        return writer.bytes
    }

    package static func parse(_ packet: [UInt8]) throws(WireFault) -> WireStream {
        var reader = WireReader(packet)
        let stream = try read(&reader)
        try reader.end()
        return stream
    }

    func write(_ writer: inout WireWriter) {
        writer.put(framing.rawValue)
        writer.put(bytes: early)
    }

    static func read(_ reader: inout WireReader) throws(WireFault) -> WireStream {
        let number = try reader.byte()
        guard let framing = StreamFraming(rawValue: number) else {
            throw WireFault("framing \(number)")
        }
        return WireStream(framing, early: try reader.bytes())
    }
}

extension WireExecEnd {
    /// For the pipe from a keeper to its shim.
    package func packet() -> [UInt8] {
        var writer = WireWriter()
        write(&writer)
        return writer.bytes
    }

    package static func parse(_ packet: [UInt8]) throws(WireFault) -> WireExecEnd {
        var reader = WireReader(packet)
        let end = try read(&reader)
        try reader.end()
        return end
    }

    func write(_ writer: inout WireWriter) {
        switch outcome {
        case .exited(let code):
            writer.put(0 as UInt8)
            writer.put(code)
        case .signaled(let signal):
            writer.put(1 as UInt8)
            writer.put(signal)
        case .failed(let fault, let detail):
            writer.put(2 as UInt8)
            writer.put(fault.rawValue)
            writer.put(detail)
        case .unknown: writer.put(3 as UInt8)
        }
        writer.put(flag: timedOut)
        writer.put(startedAt)
        writer.put(finishedAt)
    }

    static func read(_ reader: inout WireReader) throws(WireFault) -> WireExecEnd {
        let outcome: Outcome
        switch try reader.byte() {
        case 0: outcome = .exited(code: try reader.number())
        case 1: outcome = .signaled(try reader.number())
        case 2:
            let number = try reader.byte()
            guard let fault = ShimFault(rawValue: number) else {
                throw WireFault("fault \(number)")
            }
            outcome = .failed(fault, detail: try reader.text())
        case 3: outcome = .unknown
        case let kind: throw WireFault("outcome \(kind)")
        }
        return WireExecEnd(
            outcome, timedOut: try reader.flag(), startedAt: try reader.number(),
            finishedAt: try reader.number())
    }
}

extension WireExecReport {
    func write(_ writer: inout WireWriter) {
        writer.put(id)
        writer.put(task)
        writer.put(optional: keeper) { writer, pid in writer.put(pid) }
        writer.put(optional: end) { writer, end in end.write(&writer) }
    }

    static func read(_ reader: inout WireReader) throws(WireFault) -> WireExecReport {
        WireExecReport(
            id: try reader.text(), task: try reader.text(),
            keeper: try reader.optional { (reader: inout WireReader) throws(WireFault) in
                try reader.number(Int32.self)
            },
            end: try reader.optional { (reader: inout WireReader) throws(WireFault) in
                try WireExecEnd.read(&reader)
            })
    }
}
