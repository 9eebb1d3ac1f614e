// Execs in a pod's task: each runs once, ends with 0, and has its whole output.
//
// If the connection of an exec's client breaks, for example because the daemon was killed, the exec
// is ended, and a retry has no output. Such an exec counts as cut.

import Bytes
import Client
import JSON
import Linux

/// One exec that a run asks for.
package struct WantedExec: Equatable, Sendable {
    /// Counted from 1 in each task.
    package let number: Int
    let pod: String
    /// Whether it writes, and notes in a file that it has run. Each other exec is `true`.
    package var writes: Bool { number % 2 == 1 }

    package init(_ number: Int, pod: String) {
        self.number = number
        self.pod = pod
    }

    private static let lines = 2048
    static let notes = "/execs"

    package var args: [String] {
        guard writes else { return ["true"] }
        let note = "echo \(number) >>\(WantedExec.notes)"
        return ["sh", "-c", "\(note); yes \(pod)-\(number) | head -n \(WantedExec.lines)"]
    }

    /// All that it writes.
    package var output: String {
        writes ? String(repeating: "\(pod)-\(number)\n", count: WantedExec.lines) : ""
    }
}

/// How the API answered an exec.
package struct ExecAnswer: Equatable, Sendable {
    package var status: Int
    package var code: String?
    package var exitCode: Int64?
    package var signal: String?
    /// `nil` in an answer to a retry.
    package var output: String?
    /// Whether a connection broke before there was an answer.
    package var wasCut: Bool

    package init(
        status: Int = 200, code: String? = nil, exitCode: Int64? = nil, signal: String? = nil,
        output: String? = nil, wasCut: Bool = false
    ) {
        self.status = status
        self.code = code
        self.exitCode = exitCode
        self.signal = signal
        self.output = output
        self.wasCut = wasCut
    }

    init(_ answer: Answer, _ document: JSONValue, wasCut: Bool) {
        self.init(
            status: answer.status, code: document["code"]?.string,
            exitCode: document["exitCode"]?.integer, signal: document["signal"]?.string,
            output: document["stdout"]?.string, wasCut: wasCut)
    }

    /// What is wrong with it; `nil` if nothing is.
    package func fault(of exec: WantedExec) -> (kind: SeriesFault.Kind, what: String)? {
        guard status == 200 else {
            // The daemon died between its record and its question to the shim.
            if wasCut, status == 202 || code == "exec-lost" { return nil }
            return (.lost, "\(status) \(code ?? "")")
        }
        // The exec of a broken connection is ended, and its output is not kept.
        guard let output else { return wasCut ? nil : (.lost, "no output") }
        if exitCode != 0 {
            return (.untrue, signal.map { "signal \($0)" } ?? "exit code \(exitCode ?? -1)")
        }
        if !output.isSame(as: exec.output) {
            return (.untrue, "\(output.utf8.count) bytes instead of \(exec.output.utf8.count)")
        }
        return nil
    }

    /// Whether the exec has certainly run to its end.
    package var hasRun: Bool { status == 200 && output != nil && exitCode == 0 }
}

/// The execs of one task that have written, compared with the file in which they note that.
package struct ExecNotes: Sendable {
    /// The numbers of the execs that certainly ran to their end.
    private var done: [Int] = []

    package init() {}

    package mutating func add(_ exec: WantedExec, _ answer: ExecAnswer) {
        if exec.writes, answer.hasRun { done.append(exec.number) }
    }

    /// `text` is the file: one number a line.
    package func faults(in text: String) -> [(kind: SeriesFault.Kind, what: String)] {
        var times: [Int: Int] = [:]
        for line in text.fields("\n") {
            if let number = Int(line) { times[number, default: 0] += 1 }
        }
        return done.filter { times[$0] == nil }.map { (.lost, "exec \($0) did not run") }
            + times.filter { $0.value > 1 }.sorted { $0.key < $1.key }
            .map { (.doubled, "exec \($0.key) ran \($0.value) times") }
    }
}

extension StaunchWorker {
    /// Runs the execs of a pod that was made, and checks them.
    func runExecs(_ name: String, _ uid: String, _ workload: Workload) throws(RunFailure) {
        var notes = ExecNotes()
        for number in 1...workload.execs where !interrupts.shouldFinish {
            let exec = WantedExec(number, pod: name)
            let answer = try run(exec.args, name)
            notes.add(exec, answer)
            note(answer, answer.fault(of: exec), uid, "\(name), exec \(number)")
        }
        guard !workload.readOnly, !interrupts.shouldFinish else { return }
        // It changes nothing, so it may run again if it was cut.
        for _ in 0..<10 {
            let answer = try run(["cat", WantedExec.notes], name)
            if answer.output == nil, answer.wasCut { continue }
            guard answer.status == 200, let text = answer.output else { return }
            for fault in notes.faults(in: text) {
                statistics.change {
                    $0.execs.add(SeriesFault(fault.kind, uid, "\(name): \(fault.what)"))
                }
            }
            return
        }
    }

    private func run(_ args: [String], _ name: String) throws(RunFailure) -> ExecAnswer {
        var writer = JSONWriter()
        writer.beginObject()
        writer.member("args", args)
        writer.endObject()
        let request = Request(
            "POST", "/v1/pods/\(name)/tasks/app/exec", body: writer.finish().bytes,
            headers: [("Operation-Id", freshID())])
        let began = now()
        let (cuts, kills) = (line.cuts, statistics.daemonKills)
        let (document, answer) = try line.json(request)
        statistics.record(.exec, since: began)
        var wasCut = line.cuts > cuts || statistics.daemonKills > kills
        if !wasCut, document["stdout"]?.string == nil {
            // A kill of the daemon is noted when the next one is ready.
            wasCut = wait(atMost: 2) { statistics.daemonKills > kills }
        }
        return ExecAnswer(answer, document, wasCut: wasCut)
    }

    private func note(
        _ answer: ExecAnswer, _ fault: (kind: SeriesFault.Kind, what: String)?, _ uid: String,
        _ place: String
    ) {
        statistics.change { state in
            state.execs.add()
            if answer.wasCut, !answer.hasRun { state.execs.addCut() }
            if let fault {
                state.execs.add(SeriesFault(fault.kind, uid, "\(place) (\(uid)): \(fault.what)"))
            }
        }
    }
}
