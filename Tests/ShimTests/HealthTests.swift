// The health of a task, as the results of its checks make it.

import ShimProtocol
import Testing

@testable import Shim

@Suite struct HealthTests {
    private static let second: Int64 = 1_000_000_000

    private func health(
        interval: Int64 = 10_000, startPeriod: Int64 = 0, retries: UInt32 = 3, known: UInt64 = 0
    ) -> TaskHealth {
        TaskHealth(
            WireHealth(
                .tcp(port: 1), interval: interval, timeout: 1000, startPeriod: startPeriod,
                retries: retries, onFailure: .none, signal: 15, grace: 0, known: known))
    }

    @Test("the task is unhealthy after the retries in a row, and healthy after one success")
    func changes() {
        var state = HealthState(retries: 3, countsFrom: 0)
        var seen: [String] = []
        for result in "ff.fff.ff.ffff..fff" {
            let isChange = result == "." ? state.sawSuccess() : state.sawFailure(since: 1)
            seen.append("\(state.value.rawValue)\(state.failures)\(isChange ? "!" : "")")
        }
        let expected =
            "01 02 10! 11 12 23! 10! 11 12 10 11 12 23! 23 10! 10 11 12 23!".split(separator: " ")
        #expect(seen == expected.map(String.init))
    }

    @Test("failures of the start period do not count, but those after a success do")
    func startPeriod() {
        var state = HealthState(retries: 2, countsFrom: 100)
        for start in 0..<100 as Range<Int64> {
            let isChange = state.sawFailure(since: start)
            #expect(!isChange && state.failures == 0 && state.value == .starting)
        }
        let first = state.sawFailure(since: 100)
        #expect(!first && state.failures == 1)
        let second = state.sawFailure(since: 101)
        #expect(second && state.value == .unhealthy)
        var early = HealthState(retries: 2, countsFrom: 100)
        let isHealthy = early.sawSuccess()
        #expect(isHealthy)
        let results = (early.sawFailure(since: 2), early.sawFailure(since: 3))
        #expect(results == (false, true) && early.value == .unhealthy)
    }

    @Test("any number of retries is at least one", arguments: [0, 1] as [UInt32])
    func retries(_ retries: UInt32) {
        var state = HealthState(retries: retries, countsFrom: 0)
        let isChange = state.sawFailure(since: 0)
        #expect(isChange && state.failures == 1)
    }

    @Test("each change has the next number, and is kept until a daemon has stored it")
    func numbers() {
        let health = health(retries: 1, known: 7)
        health.begin(1, of: "id", at: 0)
        for index in 0..<6 {
            let isNew =
                index % 2 == 0 ? health.sawSuccess() : health.sawFailure(since: 1, "\(index)")
            #expect(isNew)
        }
        #expect(health.report.changes.map(\.number) == Array(8...13))
        #expect(health.report.changes.map(\.isHealthy) == [true, false, true, false, true, false])
        health.forget(upTo: 10)
        #expect(health.report.changes.map(\.number) == [11, 12, 13])
        health.begin(2, of: "id", at: 0)
        #expect(health.report.state == .starting && health.report.output == "5")
        for _ in 0...WireHealthReport.most {
            _ = health.sawSuccess()
            _ = health.sawFailure(since: 1, "x")
        }
        let kept = health.report.changes
        #expect(kept.count == WireHealthReport.most && kept.allSatisfy { $0.attempt == 2 })
        #expect(zip(kept, kept.dropFirst()).allSatisfy { $0.number + 1 == $1.number })
    }

    @Test("a check that changes nothing is not told")
    func quiet() {
        let health = health(retries: 2)
        health.begin(1, of: "id", at: 0)
        let told = [
            health.sawSuccess(), health.sawSuccess(), health.sawFailure(since: 1, "a"),
            health.sawSuccess(), health.sawFailure(since: 1, "a"), health.sawFailure(since: 1, "a"),
            health.sawFailure(since: 1, "a"), health.sawFailure(since: 1, "b"),
        ]
        #expect(told == [true, false, true, true, true, true, false, true])
        #expect(health.report.output == "b" && health.report.failures == 2)
    }

    @Test("the checks of many tasks are spread, and each keeps its beat")
    func beat() {
        let start = 1000 * Self.second
        var first: [Int64] = []
        for index in 0..<1000 {
            let health = health(interval: 10_000)
            health.begin(1, of: "task-\(index)", at: start)
            #expect((start..<start + 10 * Self.second).contains(health.due))
            first.append((health.due - start) / Self.second)
            let due = health.due
            health.planNext(after: due + 3)
            #expect(health.due == due + 10 * Self.second)
            // After a long sleep no check is made up for.
            health.planNext(after: due + 95 * Self.second)
            #expect(health.due == due + 105 * Self.second)
            health.end()
            #expect(health.due == .max && health.nextTimer == .max)
        }
        for beat in 0..<10 as Range<Int64> {
            #expect((50...200).contains(first.count { $0 == beat }), "\(beat)")
        }
    }

    @Test("any numbers of a packet make times that can be reckoned with")
    func hostileTimes() {
        for number in [Int64.min, -1, 0, 1, .max] {
            let health = TaskHealth(
                WireHealth(
                    .exec, interval: number, timeout: number, startPeriod: number, retries: .max,
                    onFailure: .stop, signal: 0, grace: number, known: .max - 1))
            health.begin(.max, of: "", at: 1)
            health.planNext(after: 1 << 60)
            #expect(health.due > 1 << 60 && health.timeout > 0)
            let isNew = health.sawFailure(since: 0, "")
            #expect(isNew)
        }
    }

    @Test("the end of an exec's output is kept")
    func words() throws {
        let check = HealthCheck(start: 0, deadline: 1, request: [])
        let bytes = (0..<10_000).map { UInt8(truncatingIfNeeded: $0) }
        for start in stride(from: 0, to: bytes.count, by: 1000) {
            let frame = StreamFrame.frame(.output, bytes[start..<start + 1000])
            check.add(Array(frame[..<500]))
            check.add(Array(frame[500...]))
        }
        #expect(check.words == bytes.suffix(WireHealthReport.mostOutput))
    }
}
