// Follows the log of a pod's task from its first line, through every death of the daemon. The task
// numbers its lines, so a lost line and a doubled one are seen.

import Bytes
import Client
import JSON
import Linux
import Synchronization

/// The numbers that were read so far.
package struct LineSequence: Sendable {
    /// How many lines were read: the next line has this number.
    package private(set) var next = 0
    package private(set) var cursor: String?
    /// Bytes of lines that the log says were dropped since the last line.
    private var dropped = 0

    package init() {}

    /// Takes a line of the answer. Returns what is wrong with it. A log whose disk does not keep up
    /// drops lines, and says how many bytes: nothing is wrong if that is true.
    package mutating func take(_ line: [UInt8]) -> (kind: SeriesFault.Kind, what: String)? {
        let document: JSONValue
        do { document = try JSONValue.parse(line) } catch {
            return (.untrue, "a line that is no JSON: \(error)")
        }
        cursor = document["cursor"]?.string ?? cursor
        if let gap = document["gap"]?.string { return (.lost, "after line \(next - 1): \(gap)") }
        guard let text = document["text"]?.string else {
            return (.untrue, "after line \(next - 1): no text")
        }
        if let bytes = LineSequence.dropped(text) {
            dropped += bytes
            return nil
        }
        guard let number = Int(text), number >= 0 else {
            return (.untrue, "after line \(next - 1): \(text)")
        }
        defer {
            next = max(next, number + 1)
            dropped = 0
        }
        let found = "line \(number) came after line \(next - 1)"
        if number < next { return (.doubled, found) }
        let lost = LineSequence.bytes(of: next..<number)
        if lost == dropped { return nil }
        let told = dropped == 0 ? "" : ", and the log says that \(dropped) bytes were dropped"
        return (lost > dropped ? .lost : .untrue, found + told)
    }

    private static func dropped(_ text: String) -> Int? {
        guard let rest = text.after("staunch: "), let (count, words) = rest.cut(" "),
            words.isSame(as: "bytes of output were dropped here")
        else { return nil }
        return Int(count)
    }

    /// Of the lines with these numbers, with their newlines.
    private static func bytes(of numbers: Range<Int>) -> Int {
        numbers.reduce(0) { $0 + "\($1)\n".utf8.count }
    }
}

final class LogFollower: Sendable {
    private struct State {
        var lines = LineSequence()
        var rest: [UInt8] = []
        var isOver = false
    }

    private let state = Mutex(State())
    private let shouldEnd = Atomic(false)
    private let isGoing = Atomic(false)
    private let endpoint: Endpoint
    private let pod: String
    private let uid: String
    private let statistics: RunStatistics
    private let began = now()

    init(_ endpoint: Endpoint, pod: String, uid: String, _ statistics: RunStatistics) {
        self.endpoint = endpoint
        self.pod = pod
        self.uid = uid
        self.statistics = statistics
    }

    /// The pod is about to be deleted: from then on the log may be removed before it was read.
    func expectEnd() { isGoing.store(true, ordering: .relaxed) }

    /// The number of lines that were read.
    var count: Int { state.withLock { $0.lines.next } }

    func start() {
        Thread.start {
            let client = HTTPClient(self.endpoint) { self.shouldEnd.load(ordering: .relaxed) }
            while !self.shouldEnd.load(ordering: .relaxed), self.goesOn(client) {
                Thread.pause(seconds: 0.05)
            }
            self.state.withLock { $0.isOver = true }
        }
    }

    /// Returns `false` when the log is complete, or its task is gone.
    private func goesOn(_ client: HTTPClient) -> Bool {
        let cursor = state.withLock { state in
            state.rest = []
            return state.lines.cursor
        }
        let place = cursor.map { "&cursor=\($0)" } ?? ""
        let request = Request(
            "GET", "/v1/pods/\(pod)/tasks/app/logs?follow=true\(place)",
            headers: [("Accept", "application/x-ndjson")])
        do {
            let answer = try client.stream(request) { bytes in
                self.take(bytes)
                return true
            }
            return answer.status == 503 || answer.status == 429
        } catch { return true }  // the daemon died, or the pod ends: the next turn continues here
    }

    private func take(_ bytes: [UInt8]) {
        let (count, isFirst, faults) = state.withLock { state in
            state.rest += bytes
            let before = state.lines.next
            var faults: [(kind: SeriesFault.Kind, what: String)] = []
            var start = state.rest.startIndex
            while let end = state.rest[start...].firstIndex(of: UInt8(ascii: "\n")) {
                if let fault = state.lines.take(Array(state.rest[start..<end])),
                    fault.kind != .lost || !isGoing.load(ordering: .relaxed)
                {
                    faults.append(fault)
                }
                start = end + 1
            }
            state.rest.removeSubrange(..<start)
            return (state.lines.next - before, before == 0 && state.lines.next > 0, faults)
        }
        if isFirst { statistics.record(.line, since: began) }
        let (pod, uid) = (pod, uid)
        statistics.change { state in
            state.lines.add(count)
            for fault in faults {
                state.lines.add(SeriesFault(fault.kind, uid, "\(pod) (\(uid)): \(fault.what)"))
            }
        }
    }

    /// Returns when the log is complete, or after some seconds without an end.
    func finish() {
        _ = wait(atMost: 5) { state.withLock { $0.isOver } }
        shouldEnd.store(true, ordering: .relaxed)
        _ = wait(atMost: 5) { state.withLock { $0.isOver } }
    }
}

extension StaunchWorker {
    /// Lines that a follower has read before the pod goes on.
    private static let firstLines = 40

    /// Follows the log of a pod that was made; `nil` if the workload does not ask for it.
    func follow(_ name: String, _ uid: String, _ workload: Workload) -> LogFollower? {
        guard workload.follows else { return nil }
        let follower = LogFollower(endpoint, pod: name, uid: uid, statistics)
        follower.start()
        expect(StaunchWorker.firstLines, of: follower, name, uid)
        return follower
    }

    /// Checks that all lines arrive that the log has had by now.
    func expectAll(of follower: LogFollower, _ name: String, _ uid: String) throws(RunFailure) {
        let (task, answer) = try line.json(Request("GET", "/v1/pods/\(name)/tasks/app"))
        guard answer.status == 200 else { return }
        expect(Int(task["log"]?["lines"]?.integer ?? 0), of: follower, name, uid)
    }

    private func expect(_ lines: Int, of follower: LogFollower, _ name: String, _ uid: String) {
        let isThere = wait(atMost: 30) {
            follower.count >= lines || interrupts.shouldFinish
                || statistics.isKilled(uid)
        }
        guard !isThere else { return }
        statistics.change {
            $0.lines.add(
                SeriesFault(
                    .lost, uid, "\(name) (\(uid)): \(follower.count) of \(lines) lines came"))
        }
    }
}
