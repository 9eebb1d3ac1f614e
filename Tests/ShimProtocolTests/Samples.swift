// Messages of every kind, and a generator of bytes that is the same in every run.

import Kernel
import ShimProtocol

/// SplitMix64.
struct Dice: RandomNumberGenerator {
    private var state: UInt64
    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var word = state
        word = (word ^ word >> 30) &* 0xbf58_476d_1ce4_e5b9
        word = (word ^ word >> 27) &* 0x94d0_49bb_1331_11eb
        return word ^ word >> 31
    }

    mutating func bytes(upTo limit: Int) -> [UInt8] {
        (0..<Int.random(in: 0...limit, using: &self)).map { _ in
            UInt8.random(in: 0...255, using: &self)
        }
    }
}

enum Samples {
    static let texts = ["", "app", "naïve 🪣 \u{0}\n", String(repeating: "x", count: 70_000)]

    static func document(_ text: String, startsAtOnce: Bool) -> TaskDocument {
        TaskDocument(
            runtime: "/usr/sbin/\(text)", id: text, lower: "/srv/\(text)", user: "1000:\(text)",
            startsAtOnce: startsAtOnce, groups: startsAtOnce ? [] : ["20", text],
            groupsFromRootfs: text.isEmpty ? nil : startsAtOnce, refusesHybrid: !startsAtOnce,
            log: LogLimits(maxSize: 1 + text.utf8.count, maxFiles: 7, blocks: startsAtOnce))
    }

    static let requests: [ShimRequest] =
        [.status, .exit, .execs, .removeAll(keepingLogs: true), .removeAll(keepingLogs: false)]
        + texts.flatMap { text -> [ShimRequest] in
            [
                .mount(task: text, document("runc", startsAtOnce: true)),
                .mount(task: "app", document(text, startsAtOnce: false)),
                .create(task: text, document("runc", startsAtOnce: false)),
                .create(task: "app", document(text, startsAtOnce: true)),
                .start(task: text),
                .freeze(task: text, text.isEmpty),
                .signal(task: text, number: 15),
                .stop(task: text, signal: 9, grace: 10_000),
                .delete(task: text),
                .unmount(task: text),
                .remove(task: text),
                .makePart(name: text, document: Array(text.utf8)),
                .makePart(name: "volumes", document: []),
                .removePart(name: text),
                .setRestart(task: text, restarts[text.isEmpty ? 0 : 1]),
                .attempts(task: text, since: text.isEmpty ? 0 : .max),
                .exec(task: text, exec("1", timeout: nil, .file)),
                .exec(task: "app", exec(text, timeout: .max, .stream)),
                .endExec(id: text),
                .forgetExec(id: text),
                .update(task: text, update(text)),
                .openLog(task: text, ClientLog(root: "/r", path: text)),
                .setInput(task: text, WireInput(isOpen: text.isEmpty, isOnce: !text.isEmpty)),
                .attachTask(text, WireStream(.webSocket, early: Array(text.utf8))),
                .health(task: text, since: text.isEmpty ? 0 : .max),
                .setHealth(task: text, health(.http(port: 80, path: text, host: text), .none)),
            ]
        }
        + [
            .setHealth(task: "app", health(.exec, .restart)),
            .setHealth(task: "app", health(.tcp(port: .max), .stop)),
        ]
        + [Int32.min, -1, 0, 1, 64, .max].flatMap { number -> [ShimRequest] in
            [
                .signal(task: "app", number: number),
                .stop(task: "app", signal: number, grace: Int64(number) << 31),
            ]
        } + streamed("naïve") + [
            .stop(task: "app", signal: 0, grace: .max), .stop(task: "app", signal: 0, grace: .min),
        ]

    static func exec(
        _ id: String, timeout: Int64?, _ input: WireExec.Input
    ) -> WireExec { WireExec(id: id, user: id, timeout: timeout, input: input) }

    private static func streamed(_ id: String) -> [ShimRequest] {
        let streams: [WireStream?] = [
            nil, WireStream(.frames, early: [1, 2]), WireStream(.webSocket),
        ]
        return streams.flatMap { stream -> [ShimRequest] in
            let exec = WireExec(
                id: id, user: "", timeout: nil, input: .stream,
                terminal: stream == nil ? nil : TerminalSize(columns: 1, rows: .max),
                isKept: stream?.framing == .webSocket, stream: stream)
            return [.exec(task: id, exec), .attachExec(id: id, stream ?? .daemon)]
        }
    }

    static let execEnds: [WireExecEnd] =
        [Int32.min, 0, 255].flatMap { number -> [WireExecEnd] in
            [
                WireExecEnd(.exited(code: number), startedAt: 0, finishedAt: .max),
                WireExecEnd(.signaled(number), timedOut: true, startedAt: .min, finishedAt: 1),
            ]
        }
        + ShimFault.allCases.map {
            WireExecEnd(.failed($0, detail: "naïve"), startedAt: 0, finishedAt: 0)
        } + [WireExecEnd(.unknown, startedAt: 0, finishedAt: 1)]

    static let execs: [WireExecReport] = execEnds.enumerated().map {
        WireExecReport(
            id: "\($0.offset)", task: "naïve", keeper: $0.offset % 2 == 0 ? nil : .max,
            end: $0.offset % 3 == 0 ? nil : $0.element)
    }

    private static func update(_ text: String) -> WireUpdate {
        let write = ControlWrite(
            member: "/resources/\(text)", controller: text, file: "pids.max", text: text,
            isNeeded: text.isEmpty, isInherited: !text.isEmpty)
        return WireUpdate(
            id: text, writes: text.isEmpty ? [] : [write, write],
            restart: text.isEmpty ? nil : restarts[0])
    }

    static let restarts = [
        WireRestart(
            policy: .unhealthy, maxRetries: nil, initial: 0, longest: .max, firstAttempt: 1),
        WireRestart(
            policy: .onFailure, maxRetries: .max, initial: .min, longest: 1, firstAttempt: .max),
    ]

    /// Every combination of present and absent members.
    static let attempts: [WireAttempts] = (0..<16).map { bits in
        var attempts = WireAttempts(
            exits: exits.prefix(bits).enumerated().map {
                AttemptExit(attempt: UInt32($0.offset + 1), $0.element)
            }, attempt: UInt32(bits))
        attempts.process = bits & 1 == 0 ? nil : process
        attempts.startedAt = bits & 2 == 0 ? nil : .max
        attempts.nextStartAt = bits & 4 == 0 ? nil : .min
        attempts.waiting = bits & 8 == 0 ? nil : "naïve"
        return attempts
    }

    static func health(_ check: WireHealth.Check, _ action: WireHealth.Action) -> WireHealth {
        WireHealth(
            check, interval: .max, timeout: .min, startPeriod: 0, retries: .max, onFailure: action,
            signal: 15, grace: -1, known: .max)
    }

    static let healthReports: [WireHealthReport] =
        WireHealthState.allCases.map { state in
            WireHealthReport(
                attempt: 0, state: state, failures: 0, checkedAt: nil, output: nil, changes: [])
        }
        + texts.map { text in
            WireHealthReport(
                attempt: .max, state: .unhealthy, failures: .max, checkedAt: .min, output: text,
                changes: [
                    WireHealthChange(number: 1, attempt: 1, isHealthy: true),
                    WireHealthChange(number: .max, attempt: .max, isHealthy: false),
                ])
        }

    static let exits: [TaskExit] =
        [Int32.min, -1, 0, 1, 255, .max].flatMap { number -> [TaskExit] in
            [
                TaskExit(status: .code(number), oomKilled: false, finishedAt: .max),
                TaskExit(status: .signal(number), oomKilled: true, finishedAt: .min),
                TaskExit(status: .neverRan(signal: number), oomKilled: true, finishedAt: 0),
            ]
        } + [
            TaskExit(status: .unknown, oomKilled: false, finishedAt: 1),
            TaskExit(status: .neverRan(signal: nil), oomKilled: false, finishedAt: 1),
        ]

    static let process = ProcessIdentity(pid: 4_194_304, startTicks: .max)

    /// Every combination of present and absent members.
    static let reports: [ShimTaskReport] = (0..<64).map { bits in
        var report = ShimTaskReport(
            name: "task-\(bits)", process: bits & 1 == 0 ? nil : process,
            exit: bits & 2 == 0 ? nil : exits[bits % exits.count],
            job: bits & 4 == 0 ? nil : "umount2", jobPID: bits & 8 == 0 ? nil : .max,
            jobSince: bits & 16 == 0 ? nil : .min, waiting: bits & 32 == 0 ? nil : "naïve")
        report.attempt = bits == 0 ? .max : UInt32(bits)
        report.log = bits & 3 == 0 ? nil : logs[bits % logs.count]
        return report
    }

    static let replies: [ShimReply] =
        [
            .done, .running(process), .running(ProcessIdentity(pid: 1, startTicks: 0)),
            .status(ShimReport(shim: process, tasks: [])),
            .status(ShimReport(shim: process, tasks: reports)),
            .mounted(ResolvedUser(uid: 0, gid: .max, additionalGIDs: [])),
            .mounted(ResolvedUser(uid: .max, gid: 0, additionalGIDs: Array(0..<100))),
        ] + texts.map { .stillThere(reason: $0) }
        + ShimFault.allCases.map { .failed($0, detail: "why: \($0)") }
        + [.failed(.runtime, detail: "why", dropped: .max)]
        + attempts.map { .attempts($0) }
        + [.execs([]), .execs(execs)] + healthReports.map { .health($0) }

    static let logs = [
        LogState(), LogState(isComplete: true),
        LogState(totals: LogTotals(bytes: .max, lines: 1, dropped: 2), isComplete: false),
    ]

    /// Messages that only daemons of the current version get.
    static let newMessages: [ShimMessage] = zip(texts, logs).map { .logged(task: $0, $1) }

    static let messages: [ShimMessage] =
        replies.enumerated().map { .reply(id: UInt32($0.offset), $0.element) }
        + [.reply(id: .max, .done)]
        + exits.map { .exited(task: "app", attempt: 1, $0) }
        + texts.map { .exited(task: $0, attempt: .max, exits[0]) }
        + texts.map { .attemptsChanged(task: $0) }
        + execEnds.map { .execEnded(id: "naïve", $0) }
        + healthReports.map { .health(task: "naïve", $0) }

    /// Every packet of a sample, except those with very long texts.
    static let shortPackets: [(isRequest: Bool, bytes: [UInt8])] =
        (requests.map { (true, $0.packet(id: 7)) }
        + (messages + newMessages).map { (false, $0.packet()) }
        + messages.map { (false, $0.packet(ShimVersion.oldest)) })
        .filter { $0.1.count < 10_000 }
}
