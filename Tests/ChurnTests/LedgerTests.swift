// Each task has one exit, and the exit is true.

import Churn
import Testing

@Suite struct LedgerTests {
    private static let killed = TaskEnd(
        exitCode: nil, signal: "KILL", isUnknown: false, finishedAt: "t1")
    private static let seven = TaskEnd(
        exitCode: 7, signal: nil, isUnknown: false, finishedAt: "t1")
    private static let unknown = TaskEnd(
        exitCode: nil, signal: nil, isUnknown: true, finishedAt: "t1")
    private static let neverRan = TaskEnd(
        exitCode: nil, signal: nil, isUnknown: false, neverRan: true, finishedAt: "t1")
    private static let later = TaskEnd(
        exitCode: nil, signal: "KILL", isUnknown: false, finishedAt: "t2")

    /// How one pod ended, and what the ledger must report.
    struct Case: Sendable, CustomStringConvertible {
        let description: String
        var exits: [String: TaskEnd] = ["app": killed]
        var seen: [String: TaskEnd] = [:]
        var exitCode: Int64?
        var hold = 0.0
        var told = 0
        var gone = 1
        var shimKilled = false
        var lost = 0
        var doubled = 0
        var untrue = 0
    }

    static let cases = [
        Case(description: "a signal"),
        Case(description: "a code of its own", exits: ["app": seven], exitCode: 7),
        Case(description: "a code that it cannot have", exits: ["app": seven], untrue: 1),
        Case(description: "another code", exits: ["app": seven], exitCode: 8, untrue: 1),
        Case(description: "no exit", exits: [:], lost: 1),
        Case(description: "an exit of no task", exits: ["app": killed, "x": killed], doubled: 1),
        Case(description: "unknown", exits: ["app": unknown], lost: 1),
        Case(description: "unknown after a kill", exits: ["app": unknown], shimKilled: true),
        Case(description: "deleted before it ran", exits: ["app": neverRan]),
        Case(
            description: "deleted before it ran, with a code of its own",
            exits: ["app": neverRan], exitCode: 7),
        Case(
            description: "there for a second, and never ran", exits: ["app": neverRan], hold: 1,
            untrue: 1),
        Case(
            description: "never ran, and shown otherwise before", exits: ["app": neverRan],
            seen: ["app": killed], told: 1, untrue: 1),
        Case(description: "seen before, and told", seen: ["app": killed], told: 1),
        Case(description: "seen before, and not told", seen: ["app": killed], lost: 1),
        Case(description: "changed since", seen: ["app": later], told: 1, untrue: 1),
        Case(description: "told twice", seen: ["app": killed], told: 2, doubled: 1),
        Case(description: "gone twice", gone: 2, doubled: 1),
        Case(description: "gone, and never reported", gone: 0, lost: 1),
    ]

    @Test("each way in which a task can end is judged", arguments: cases)
    func judged(_ item: Case) {
        var workload = Workload()
        workload.exitCode = item.exitCode
        workload.hold = item.hold
        var ledger = ExitLedger()
        ledger.ended(
            PodEnd(
                name: "p", uid: "u", workload: workload, exits: item.exits, seenBefore: item.seen))
        for _ in 0..<item.told { ledger.told(podUID: "u", task: "app") }
        for _ in 0..<item.gone { ledger.told(gone: "u") }
        #expect(ledger.isComplete == (item.gone > 0))
        let found = ledger.findings(killed: item.shimKilled ? ["u"] : [], followed: true)
        #expect(found.lost.count == item.lost, "\(found)")
        #expect(found.doubled.count == item.doubled, "\(found)")
        #expect(found.untrue.count == item.untrue, "\(found)")
        #expect(found.pods == 1)
    }

    @Test("events are no evidence if they were not followed to the end")
    func notFollowed() {
        var ledger = ExitLedger()
        ledger.ended(
            PodEnd(
                name: "p", uid: "u", workload: Workload(), exits: ["app": Self.killed],
                seenBefore: [:]))
        #expect(ledger.findings(killed: [], followed: false).lost == [])
        #expect(ledger.findings(killed: [], followed: true).lost.count == 1)
    }
}
