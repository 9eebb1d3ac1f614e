// Follows the events from before the first pod until after the last, through every death of the
// daemon. Each exit must be reported once.

import Client
import JSON
import Linux
import Synchronization

final class EventFollower: Sendable {
    private struct State {
        var revision: Int64
        var rest: [UInt8] = []
        var isOver = false
    }

    private let state: Mutex<State>
    private let shouldEnd = Atomic(false)
    private let endpoint: Endpoint
    private let prefix: String
    private let statistics: RunStatistics

    /// Follows events after `revision` of pods whose name begins with `prefix`.
    init(_ endpoint: Endpoint, since revision: Int64, prefix: String, _ statistics: RunStatistics) {
        self.endpoint = endpoint
        self.prefix = prefix
        self.statistics = statistics
        state = Mutex(State(revision: revision))
    }

    func start() {
        Thread.start {
            let client = HTTPClient(self.endpoint) { self.shouldEnd.load(ordering: .relaxed) }
            while !self.shouldEnd.load(ordering: .relaxed) {
                self.follow(client)
                Thread.pause(seconds: 0.05)
            }
            self.state.withLock { $0.isOver = true }
        }
    }

    private func follow(_ client: HTTPClient) {
        let since = state.withLock { state in
            state.rest = []
            return state.revision
        }
        do {
            let answer = try client.stream(Request("GET", "/v1/events?since=\(since)")) { bytes in
                self.take(bytes)
                return true
            }
            guard answer.status == 410 else { return }
            statistics.change { $0.eventsAreWhole = false }
            shouldEnd.store(true, ordering: .relaxed)
        } catch {}  // the daemon died, or the run ends: the next turn continues here
    }

    private func take(_ bytes: [UInt8]) {
        state.withLock { state in
            state.rest += bytes
            while let end = state.rest.firstIndex(of: UInt8(ascii: "\n")) {
                read(Array(state.rest[..<end]), &state)
                state.rest.removeSubrange(...end)
            }
        }
    }

    private func read(_ line: [UInt8], _ state: inout State) {
        let event: JSONValue
        do { event = try JSONValue.parse(line) } catch {
            return statistics.surprise("an event that is no JSON: \(error)")
        }
        guard let revision = event["revision"]?.integer else { return }
        state.revision = max(state.revision, revision)
        guard let pod = event["pod"]?.string, pod.hasPrefix(prefix),
            let uid = event["podUID"]?.string
        else { return }
        switch event["kind"]?.string {
        case "pod.gone": statistics.change { $0.ledger.told(gone: uid) }
        case "task":
            guard event["state"]?.string == "exited", let task = event["task"]?.string else {
                return
            }
            let (attempt, end) = (event["attempt"]?.integer, TaskEnd(event))
            statistics.change { state in
                state.ledger.told(podUID: uid, task: task)
                guard task == "app", let attempt else { return }
                state.attempts.told(podUID: uid, attempt: attempt, end)
            }
        default: break
        }
    }

    /// Returns when every exit has been reported, or when the time limit has passed.
    func finish() {
        _ = wait(atMost: 10) { statistics.snapshot.ledger.isComplete }
        shouldEnd.store(true, ordering: .relaxed)
        _ = wait(atMost: 5) { state.withLock { $0.isOver } }
    }
}
