// A client that sends one request after another on a thread of its own, because the daemon may be
// killed, stopped or failed meanwhile.

import Foundation
import Synchronization
import Testing

final class Conversation: Sendable {
    /// A request, and whether it was accepted, as far as the client knows.
    struct Request {
        let step: Scenario.Step
        let id: String
        var isAccepted: Bool?
    }

    private struct State {
        var requests: [Request] = []
        var isOver = false
        var failure: String?
    }

    private let state = Mutex(State())
    private let socket: String
    /// Whether the client asks again, with the same id, if an answer is lost.
    private let retries: Bool

    var requests: [Request] { state.withLock { $0.requests } }
    var isOver: Bool { state.withLock { $0.isOver } }
    var failure: String? { state.withLock { $0.failure } }

    init(_ steps: [Scenario.Step], socket: String, retries: Bool) {
        self.socket = socket
        self.retries = retries
        Thread.detachNewThread {
            do {
                let client = Client(socket)
                for step in steps { guard try self.ask(step, client) else { break } }
            } catch { self.state.withLock { $0.failure = "\(error)" } }
            self.state.withLock { $0.isOver = true }
        }
    }

    /// Returns `false` if continuing is pointless.
    private func ask(_ step: Scenario.Step, _ client: Client) throws -> Bool {
        if let until = step.until { return try repeating(step, client, until) }
        let id = UUID().uuidString.lowercased()
        let index = state.withLock { state in
            state.requests.append(Request(step: step, id: id))
            return state.requests.count - 1
        }
        let answer = try again {
            try client.send(step.method, step.path, step.body, headers: ["Operation-Id": id])
        }
        guard let answer else { return false }
        let isAccepted = answer.status < 300
        state.withLock { $0.requests[index].isAccepted = isAccepted }
        guard isAccepted else { return false }
        return try again { try client.follow(id, within: 30) } != nil
    }

    private func repeating(
        _ step: Scenario.Step, _ client: Client, _ until: (Answer) -> Bool
    ) throws -> Bool {
        let end = ContinuousClock().now + .seconds(30)
        while let answer = try again({ try client.send(step.method, step.path) }) {
            if until(answer) { return true }
            guard ContinuousClock().now < end else { throw Broken(answer.reply.text) }
            Thread.sleep(forTimeInterval: 0.005)
        }
        return false
    }

    /// Returns `nil` if the daemon is gone and the client does not retry.
    private func again(_ call: () throws -> Answer) throws -> Answer? {
        let end = ContinuousClock().now + .seconds(30)
        while true {
            do {
                let answer = try call()
                if answer.status != 503 { return answer }
            } catch is Broken {}
            guard retries else { return nil }
            guard ContinuousClock().now < end else { throw Broken("no answer for 30 s") }
            Thread.sleep(forTimeInterval: 0.005)
        }
    }
}
