// The shim's messages to the daemon: one reply to each request, and exits as they happen.

package import Kernel

package enum ShimMessage: Equatable, Sendable {
    case reply(id: UInt32, ShimReply)
    /// The first process of a task's attempt has ended, and its exit is stored. Repeated in every
    /// `status`.
    case exited(task: String, attempt: UInt32, TaskExit)
    /// The state of a task's log has changed. Sent when the task is quiet, at the log's end, and
    /// otherwise every few seconds. A daemon of version 1 gets none.
    case logged(task: String, LogState)
    /// The daemon has to ask for the task's `attempts`: one has ended or begun, or the next one
    /// waits for something else. Only sent to a daemon that has asked for them.
    case attemptsChanged(task: String)
    /// An exec has ended. Only sent to a daemon that has asked for one.
    case execEnded(id: String, WireExecEnd)
    /// The health of a task, when it has changed. Only sent to a daemon that has asked for it, or
    /// has given checks. It comes before the exit that the change causes.
    case health(task: String, WireHealthReport)
}

package enum ShimReply: Equatable, Sendable {
    case status(ShimReport)
    case mounted(ResolvedUser)
    case running(ProcessIdentity)
    case done
    /// `errno` is the failed call's, or 0 if no call failed.
    case stillThere(reason: String, errno: Int32 = 0)
    /// `dropped`: how many bytes of the runtime's output were dropped before `detail`.
    case failed(ShimFault, detail: String, dropped: UInt64 = 0)
    case attempts(WireAttempts)
    case execs([WireExecReport])
    case health(WireHealthReport)
}

/// The reason that a shim could not execute a request.
package enum ShimFault: UInt8, Equatable, Sendable, CaseIterable {
    case rootfsMissing, rootfsNotDirectory, mountRefused, userUnknown
    /// The runtime failed; the detail is its log.
    case runtime
    case notRunning
    /// A stop interrupted the request.
    case interrupted
    /// A system call of the shim's own failed.
    case system
    /// The request does not fit the task's state.
    case state
    /// The source of a mount does not exist.
    case sourceMissing
    /// A file in the rootfs, or in a mount's source, cannot be a mount target.
    case targetRefused
    /// A program of the host, or another pod, has a host port.
    case portTaken
    /// The source of a mount that is to be shared is not on a shared mount of the host.
    case notShared
    /// The program of an exec is not in the rootfs.
    case programMissing
    /// The program of an exec cannot be executed.
    case programRefused
    /// The log file that a client names cannot be opened.
    case logRefused
}

/// What a shim can do beyond its version of the messages.
package enum ShimCapability: String, Sendable, CaseIterable {
    /// It composes the runtime's command lines of its tasks.
    case documents
    /// It numbers the attempts of its tasks.
    case attempts
    /// It makes and removes parts of its pod.
    case parts
    /// It restarts tasks.
    case restarts
    /// It runs execs.
    case execs
    /// It gives execs their clients' connections, terminals, and a life without a client.
    case streams
    /// It changes the limits and the restarts of a living task.
    case updates
    /// It opens log files that clients name.
    case clientLogs
    /// It checks the health of tasks.
    case health
    /// It gives tasks an input, a terminal, and clients.
    case attach
}

/// The state of a shim.
package struct ShimReport: Equatable, Sendable {
    package let shim: ProcessIdentity
    package let tasks: [ShimTaskReport]
    /// The highest version of the messages that the shim knows.
    package var version = ShimVersion.current
    /// The names of `ShimCapability`, and names that this daemon does not know.
    package var capabilities = ShimCapability.allCases.map(\.rawValue)

    package init(shim: ProcessIdentity, tasks: [ShimTaskReport]) {
        self.shim = shim
        self.tasks = tasks
    }
}

package struct ShimTaskReport: Equatable, Sendable {
    package let name: String
    /// Counted from 1. Each attempt has one process and one exit.
    package var attempt: UInt32 = 1
    package let process: ProcessIdentity?
    package let exit: TaskExit?
    /// The job of the shim's child for this task, with the child's pid: `umount2`, `runc delete` …
    package let job: String?
    package let jobPID: Int32?
    /// CLOCK_BOOTTIME in nanoseconds at the job's start.
    package let jobSince: Int64?
    /// What the shim waits for, if that is not a job.
    package let waiting: String?
    /// `nil` from shims of version 1.
    package var log: LogState?

    package init(
        name: String, process: ProcessIdentity?, exit: TaskExit?, job: String?, jobPID: Int32?,
        jobSince: Int64?, waiting: String?
    ) {
        self.name = name
        self.process = process
        self.exit = exit
        self.job = job
        self.jobPID = jobPID
        self.jobSince = jobSince
        self.waiting = waiting
    }
}

extension ShimMessage {
    /// Encodes a packet for a daemon of that version.
    package func packet(_ version: UInt16 = ShimVersion.current) -> [UInt8] {
        var writer = WireWriter()
        writer.put(version)
        switch self {
        case .reply(let id, let reply):
            writer.put(0 as UInt8)
            writer.put(id)
            reply.write(&writer, version)
        case .exited(let task, let attempt, let exit):
            writer.put(1 as UInt8)
            writer.put(task)
            if version > 1 { writer.put(attempt) }
            exit.write(&writer)
        case .logged(let task, let state):
            writer.put(2 as UInt8)
            writer.put(task)
            state.write(&writer)
        case .attemptsChanged(let task):
            writer.put(3 as UInt8)
            writer.put(task)
        case .execEnded(let id, let end):
            writer.put(4 as UInt8)
            writer.put(id)
            end.write(&writer)
        case .health(let task, let report):
            writer.put(29 as UInt8)
            writer.put(task)
            report.write(&writer)
        }
        return writer.bytes
    }

    /// Parses a packet of any version.
    package static func parse(
        _ packet: [UInt8]
    ) throws(WireFault) -> (version: UInt16, message: ShimMessage) {
        var reader = WireReader(packet)
        let version = try reader.version()
        let message: ShimMessage
        switch try reader.byte() {
        case 0: message = .reply(id: try reader.number(), try ShimReply.read(&reader, version))
        case 1:
            message = .exited(
                task: try reader.text(), attempt: version > 1 ? try reader.number() : 1,
                try TaskExit.read(&reader))
        case 2 where version > 1:
            message = .logged(task: try reader.text(), try LogState.read(&reader))
        case 3: message = .attemptsChanged(task: try reader.text())
        case 4: message = .execEnded(id: try reader.text(), try WireExecEnd.read(&reader))
        case 29:
            message = .health(task: try reader.text(), try WireHealthReport.read(&reader))
        case let kind: throw WireFault("message \(kind)")
        }
        try reader.end()
        return (version, message)
    }
}

extension ShimReply {
    fileprivate func write(_ writer: inout WireWriter, _ version: UInt16) {
        switch self {
        case .status(let report):
            writer.put(0 as UInt8)
            report.write(&writer, version)
        case .mounted(let user):
            writer.put(1 as UInt8)
            writer.put(user.uid)
            writer.put(user.gid)
            writer.put(list: user.additionalGIDs) { writer, gid in writer.put(gid) }
        case .running(let process):
            writer.put(2 as UInt8)
            process.write(&writer)
        case .done: writer.put(3 as UInt8)
        case .stillThere(let reason, let errno):
            writer.put(6 as UInt8)
            writer.put(reason)
            writer.put(errno)
        case .failed(let fault, let detail, let dropped):
            writer.put(7 as UInt8)
            writer.put(fault.rawValue)
            writer.put(detail)
            writer.put(dropped)
        case .attempts(let attempts):
            writer.put(8 as UInt8)
            attempts.write(&writer)
        case .execs(let execs):
            writer.put(9 as UInt8)
            writer.put(list: execs) { writer, exec in exec.write(&writer) }
        case .health(let report):
            writer.put(30 as UInt8)
            report.write(&writer)
        }
    }

    fileprivate static func read(
        _ reader: inout WireReader, _ version: UInt16
    ) throws(WireFault) -> ShimReply {
        switch try reader.byte() {
        case 0: return .status(try ShimReport.read(&reader, version))
        case 1:
            let uid = try reader.number(UInt32.self)
            let gid = try reader.number(UInt32.self)
            let more = try reader.list { (reader: inout WireReader) throws(WireFault) in
                try reader.number(UInt32.self)
            }
            return .mounted(ResolvedUser(uid: uid, gid: gid, additionalGIDs: more))
        case 2: return .running(try ProcessIdentity.read(&reader))
        case 3: return .done
        // Shims of 0.1, without the number of dropped bytes.
        case 5: return .failed(try fault(&reader), detail: try reader.text())
        case 6: return .stillThere(reason: try reader.text(), errno: try reader.number())
        case 7:
            return .failed(
                try fault(&reader), detail: try reader.text(), dropped: try reader.number())
        case 8: return .attempts(try WireAttempts.read(&reader))
        case 9:
            return .execs(
                try reader.list { (reader: inout WireReader) throws(WireFault) in
                    try WireExecReport.read(&reader)
                })
        case 30: return .health(try WireHealthReport.read(&reader))
        case let kind: throw WireFault("reply \(kind)")
        }
    }
}

private func fault(_ reader: inout WireReader) throws(WireFault) -> ShimFault {
    let number = try reader.byte()
    guard let fault = ShimFault(rawValue: number) else { throw WireFault("fault \(number)") }
    return fault
}

extension ShimReport {
    fileprivate func write(_ writer: inout WireWriter, _ version: UInt16) {
        shim.write(&writer)
        writer.put(list: tasks) { writer, task in task.write(&writer, version) }
        guard version > 1 else { return }
        writer.put(self.version)
        writer.put(list: capabilities) { writer, name in writer.put(name) }
    }

    fileprivate static func read(
        _ reader: inout WireReader, _ version: UInt16
    ) throws(WireFault) -> ShimReport {
        let shim = try ProcessIdentity.read(&reader)
        let tasks = try reader.list { (reader: inout WireReader) throws(WireFault) in
            try ShimTaskReport.read(&reader, version)
        }
        var report = ShimReport(shim: shim, tasks: tasks)
        report.version = version > 1 ? try reader.number() : 1
        report.capabilities =
            version > 1
            ? try reader.list { (reader: inout WireReader) throws(WireFault) in
                try reader.text()
            } : []
        return report
    }
}

extension ProcessIdentity {
    func write(_ writer: inout WireWriter) {
        writer.put(pid)
        writer.put(startTicks)
    }

    static func read(_ reader: inout WireReader) throws(WireFault) -> ProcessIdentity {
        ProcessIdentity(pid: try reader.number(), startTicks: try reader.number())
    }
}

extension TaskExit {
    func write(_ writer: inout WireWriter) {
        var code: Int32?
        var signal: Int32?
        var neverRan = false
        switch status {
        case .code(let number): code = number
        case .signal(let number): signal = number
        case .neverRan(let number): (signal, neverRan) = (number, true)
        case .unknown: break
        }
        writer.put(optional: code) { writer, code in writer.put(code) }
        writer.put(optional: signal) { writer, signal in writer.put(signal) }
        // Older shims, which do not know `neverRan`, write 0 or 1 here.
        writer.put((oomKilled ? 1 : 0) | (neverRan ? 2 : 0) as UInt8)
        writer.put(finishedAt)
    }

    static func read(_ reader: inout WireReader) throws(WireFault) -> TaskExit {
        let code = try reader.optional { (reader: inout WireReader) throws(WireFault) in
            try reader.number(Int32.self)
        }
        let signal = try reader.optional { (reader: inout WireReader) throws(WireFault) in
            try reader.number(Int32.self)
        }
        let flags = try reader.byte()
        guard flags < 4 else { throw WireFault("flags \(flags)") }
        let status: Status
        switch (code, signal, flags & 2 != 0) {
        case (nil, _, true): status = .neverRan(signal: signal)
        case (let code?, nil, false): status = .code(code)
        case (nil, let signal?, false): status = .signal(signal)
        case (nil, nil, false): status = .unknown
        case (_?, _, _): throw WireFault("a code, and how else the process ended")
        }
        return TaskExit(
            status: status, oomKilled: flags & 1 != 0, finishedAt: try reader.number())
    }
}

extension ShimTaskReport {
    fileprivate func write(_ writer: inout WireWriter, _ version: UInt16) {
        writer.put(name)
        if version > 1 { writer.put(attempt) }
        writer.put(optional: process) { writer, process in process.write(&writer) }
        writer.put(optional: exit) { writer, exit in exit.write(&writer) }
        writer.put(optional: job) { writer, job in writer.put(job) }
        writer.put(optional: jobPID) { writer, pid in writer.put(pid) }
        writer.put(optional: jobSince) { writer, since in writer.put(since) }
        writer.put(optional: waiting) { writer, text in writer.put(text) }
        if version > 1 { writer.put(optional: log) { writer, log in log.write(&writer) } }
    }

    fileprivate static func read(
        _ reader: inout WireReader, _ version: UInt16
    ) throws(WireFault) -> ShimTaskReport {
        let name = try reader.text()
        let attempt: UInt32 = version > 1 ? try reader.number() : 1
        var report = ShimTaskReport(
            name: name,
            process: try reader.optional { (reader: inout WireReader) throws(WireFault) in
                try ProcessIdentity.read(&reader)
            },
            exit: try reader.optional { (reader: inout WireReader) throws(WireFault) in
                try TaskExit.read(&reader)
            },
            job: try reader.optional { (reader: inout WireReader) throws(WireFault) in
                try reader.text()
            },
            jobPID: try reader.optional { (reader: inout WireReader) throws(WireFault) in
                try reader.number(Int32.self)
            },
            jobSince: try reader.optional { (reader: inout WireReader) throws(WireFault) in
                try reader.number(Int64.self)
            },
            waiting: try reader.optional { (reader: inout WireReader) throws(WireFault) in
                try reader.text()
            })
        report.attempt = attempt
        if version > 1 {
            report.log = try reader.optional { (reader: inout WireReader) throws(WireFault) in
                try LogState.read(&reader)
            }
        }
        return report
    }
}
