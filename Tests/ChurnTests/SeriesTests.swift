// Execs, followed logs and restarted tasks: what is lost, doubled or untrue.

import Churn
import Testing

@Suite struct SeriesTests {
    private typealias Kind = SeriesFault.Kind

    // MARK: Execs

    /// How an exec was answered, and the fault that the run must find.
    struct ExecCase: Sendable, CustomStringConvertible {
        let description: String
        let answer: ExecAnswer
        var number = 1
        var fault: SeriesFault.Kind?
    }

    static let written = WantedExec(1, pod: "p").output

    static let execs = [
        ExecCase(
            description: "whole output", answer: ExecAnswer(exitCode: 0, output: written)),
        ExecCase(
            description: "a program that writes nothing",
            answer: ExecAnswer(exitCode: 0, output: ""),
            number: 2),
        ExecCase(
            description: "output of a program that writes nothing",
            answer: ExecAnswer(exitCode: 0, output: "x"), number: 2, fault: .untrue),
        ExecCase(
            description: "a byte less",
            answer: ExecAnswer(exitCode: 0, output: String(written.dropLast())), fault: .untrue),
        ExecCase(
            description: "another exec's output",
            answer: ExecAnswer(exitCode: 0, output: WantedExec(3, pod: "p").output),
            fault: .untrue),
        ExecCase(
            description: "another code", answer: ExecAnswer(exitCode: 1, output: written),
            fault: .untrue),
        ExecCase(
            description: "a signal", answer: ExecAnswer(signal: "HUP", output: written),
            fault: .untrue),
        ExecCase(
            description: "no output", answer: ExecAnswer(exitCode: 0), fault: .lost),
        ExecCase(
            description: "no output after a cut",
            answer: ExecAnswer(signal: "HUP", wasCut: true)),
        ExecCase(
            description: "another's output after a cut",
            answer: ExecAnswer(exitCode: 0, output: "x", wasCut: true), fault: .untrue),
        ExecCase(
            description: "lost", answer: ExecAnswer(status: 500, code: "exec-lost"), fault: .lost),
        ExecCase(
            description: "lost after a cut",
            answer: ExecAnswer(status: 500, code: "exec-lost", wasCut: true)),
        ExecCase(
            description: "another failure after a cut",
            answer: ExecAnswer(status: 409, code: "task-state", wasCut: true), fault: .lost),
    ]

    @Test("each answer to an exec is judged", arguments: execs)
    func judges(_ exec: ExecCase) {
        #expect(exec.answer.fault(of: WantedExec(exec.number, pod: "p"))?.kind == exec.fault)
    }

    @Test("an exec that noted itself twice, or not at all, is found")
    func notes() {
        var notes = ExecNotes()
        for number in 1...7 {
            let exec = WantedExec(number, pod: "p")
            let isCut = number == 5
            notes.add(
                exec,
                ExecAnswer(
                    exitCode: isCut ? nil : 0, output: isCut ? nil : exec.output, wasCut: isCut))
        }
        #expect(notes.faults(in: "1\n3\n7\n").isEmpty)
        #expect(notes.faults(in: "1\n3\n5\n7\n").isEmpty, "a cut exec may have run")
        let found = notes.faults(in: "1\n7\n7\n")
        #expect(found.map(\.kind) == [.lost, .doubled])
        #expect(found.map(\.what) == ["exec 3 did not run", "exec 7 ran 2 times"])
    }

    // MARK: Lines

    private func line(_ text: String, _ cursor: Int) -> [UInt8] {
        Array("{\"text\": \"\(text)\", \"cursor\": \"c\(cursor)\"}".utf8)
    }

    @Test(
        "a line that is missing, comes twice or is no number is found, and the rest goes on",
        arguments: [
            ("0 1 2 3", []), ("", []), ("0 2 3", [.lost]), ("0 1 1 2", [.doubled]),
            ("0 1 2 0 1 2 3", [.doubled, .doubled, .doubled]), ("1", [.lost]),
            ("0 x 1", [.untrue]), ("0 5 2 6", [.lost, .doubled]),
        ] as [(String, [SeriesFault.Kind])])
    func lines(text: String, expected: [SeriesFault.Kind]) {
        var lines = LineSequence()
        var found: [SeriesFault.Kind] = []
        let words = text.split(separator: " ")
        for (index, word) in words.enumerated() {
            if let fault = lines.take(line(String(word), index)) { found.append(fault.kind) }
        }
        #expect(found == expected)
        #expect(lines.cursor == (words.isEmpty ? nil : "c\(words.count - 1)"))
        #expect(lines.next == (words.compactMap { Int($0) }.max() ?? -1) + 1)
    }

    @Test("a gap that the log tells of is a loss")
    func gap() {
        var lines = LineSequence()
        #expect(lines.take(line("0", 0)) == nil)
        let gap = lines.take(Array(#"{"gap": "removed", "cursor": "c1"}"#.utf8))
        #expect(gap?.kind == .lost && gap?.what == "after line 0: removed")
        #expect(lines.take(Array("no JSON".utf8))?.kind == .untrue)
    }

    @Test(
        "lines that the log drops are no loss if it tells their bytes",
        arguments: [
            ([0, -6, 4], nil), ([0, -2, -4, 4], nil), ([0, -4, 4], .lost), ([0, -8, 4], .untrue),
            ([0, -6, 4, 6], .lost), ([8, -7, 12], .lost), ([0, -6, 1], .untrue),
        ] as [([Int], SeriesFault.Kind?)])
    func drops(numbers: [Int], expected: SeriesFault.Kind?) {
        var lines = LineSequence()
        var last: SeriesFault.Kind?
        for number in numbers {
            let told = "staunch: \(-number) bytes of output were dropped here"
            last = lines.take(line(number < 0 ? told : "\(number)", 0))?.kind
        }
        #expect(last == expected)
    }

    // MARK: Attempts

    private func end(_ word: some StringProtocol) -> TaskEnd {
        switch word {
        case "KILL": TaskEnd(exitCode: nil, signal: "KILL", isUnknown: false, finishedAt: "t")
        case "unknown": TaskEnd(exitCode: nil, signal: nil, isUnknown: true, finishedAt: "t")
        case "never":
            TaskEnd(exitCode: nil, signal: nil, isUnknown: false, neverRan: true, finishedAt: "t")
        default:
            TaskEnd(exitCode: Int64(word), signal: nil, isUnknown: false, finishedAt: "t")
        }
    }

    /// The events of a task: attempts with their ends, and the faults.
    @Test(
        "each attempt has one exit, and its code counts the runs",
        arguments: [
            ("1:1 2:2 3:3", 3, []), ("1:1 2:2", 3, [.lost]), ("1:1 3:2", 3, [.lost]),
            ("1:1 2:2 2:2 3:3", 3, [.doubled]), ("1:1 2:2 1:1 3:3", 3, [.doubled]),
            ("1:1 2:1", 2, [.untrue]), ("1:1 2:3", 2, [.untrue]), ("1:2", 1, [.untrue]),
            ("1:1 2:KILL 3:2 4:3", 4, []), ("1:1 2:KILL 3:3", 3, []),
            ("1:1 2:KILL 3:4", 3, [.untrue]), ("1:1 2:never 3:2", 3, []),
            ("1:1 2:unknown 3:3", 3, [.untrue]), ("", 0, []), ("", 1, [.lost]),
        ] as [(String, Int64, [SeriesFault.Kind])])
    func attempts(events: String, seen: Int64, expected: [SeriesFault.Kind]) throws {
        for isKilled in [false, true] {
            var ledger = AttemptLedger()
            for event in events.split(separator: " ") {
                let parts = event.split(separator: ":")
                let attempt = try #require(Int64(parts[0]))
                ledger.told(podUID: "u", attempt: attempt, end(parts[1]))
            }
            ledger.ended("p", uid: "u", seen: seen)
            let found = ledger.findings(killed: isKilled ? ["u"] : [])
            #expect(found.lost.count == expected.count { $0 == .lost })
            #expect(found.doubled.count == expected.count { $0 == .doubled })
            let untrue = expected.count { $0 == .untrue }
            #expect(found.untrue.count == (isKilled ? 0 : untrue))
            #expect(found.byKill == (isKilled ? untrue : 0))
            #expect(found.count == events.split(separator: " ").count)
        }
    }

    @Test("the codes go on after the greatest one")
    func wraps() {
        var ledger = AttemptLedger()
        for attempt in 1...450 as ClosedRange<Int64> {
            ledger.told(podUID: "u", attempt: attempt, end("\(attempt % 200)"))
        }
        ledger.ended("p", uid: "u", seen: 450)
        #expect(ledger.findings(killed: []) == SeriesFindings(count: 450))
    }

    // MARK: Checks

    private func outcomes(_ findings: SeriesFindings) -> [String: Check.Outcome] {
        var all = Findings()
        all.execs = findings
        let checks = Checks.checks(all, []).filter { $0.name.utf8.starts(with: "execs ".utf8) }
        return Dictionary(uniqueKeysWithValues: checks.map { ($0.name, $0.outcome) })
    }

    @Test("each kind of fault fails its check, and nothing counted is not seen")
    func checks() {
        var found = SeriesFindings(count: 3)
        let good = ["execs lost": Check.Outcome.passed, "execs doubled": .passed]
            .merging(["execs untrue": .passed]) { $1 }
        #expect(outcomes(found) == good)
        found.lost = ["x"]
        #expect(outcomes(found)["execs lost"] == .failed)
        found.doubled = ["x"]
        #expect(outcomes(found)["execs doubled"] == .failed)
        found.untrue = ["x"]
        #expect(outcomes(found)["execs untrue"] == .failed)
        #expect(Set(outcomes(SeriesFindings()).values) == [.unseen])
        #expect(Checks.checks(Findings(), []).allSatisfy { !$0.name.contains("execs") })
    }

    @Test("a kill explains a loss and an untrue end, and nothing that happened twice")
    func kills() {
        var series = CheckedSeries()
        for kind in SeriesFault.Kind.allCases { series.add(SeriesFault(kind, "u", "x")) }
        #expect(series.findings(killed: []).lost == ["x"])
        let found = series.findings(killed: ["u"])
        #expect(found.lost.isEmpty && found.untrue.isEmpty && found.doubled == ["x"])
        #expect(found.byKill == 2)
    }

    @Test("the report and the figures have the numbers")
    func report() {
        var result = RunResult()
        var target = TargetResult(.staunch)
        #expect(target.series == nil)
        (target.execs, target.execsCut, target.lines, target.attempts) = (3, 1, 20, 7)
        for phase in [Phase.exec, .line, .attempt] {
            target.latencies.record(phase, seconds: 0.5)
        }
        result.targets = [target]
        let line =
            "staunch: 3 execs, of them 1 cut, 20 lines followed, "
            + "7 attempts of restarted tasks"
        #expect(result.summary.contains(line + "\n"))
        #expect(result.summary.contains("exec, to its answer"))
        let json = String(decoding: result.document, as: UTF8.self)
        for text in [#""execs":3"#, #""execsCut":1"#, #""lines":20"#, #""attempts":7"#, #""p95":"#]
        {
            #expect(json.contains(text), "\(text)")
        }
    }
}
