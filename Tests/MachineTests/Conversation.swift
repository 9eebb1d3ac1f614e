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
        /// The connection of an upgraded request, when it has ended.
        var dialogue: Dialogue?
    }

    private struct State {
        var requests: [Request] = []
        var portDialogue: Dialogue?
        var isOver = false
        var failure: String?
    }

    private let state = Mutex(State())
    private let socket: String
    /// Whether the client asks again, with the same id, if an answer is lost.
    private let retries: Bool

    var requests: [Request] { state.withLock { $0.requests } }
    /// The connection to a port, when it has ended. Its request has no operation.
    var portDialogue: Dialogue? { state.withLock { $0.portDialogue } }
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
        if case .port = step.upgrade { return try connect(step) }
        let id = UUID().uuidString.lowercased()
        let index = state.withLock { state in
            state.requests.append(Request(step: step, id: id))
            return state.requests.count - 1
        }
        var status: Int?
        if let upgrade = step.upgrade {
            let dialogue = try again(upgrade, step, id)
            status = dialogue.status
            state.withLock { $0.requests[index].dialogue = dialogue }
        } else {
            status = try again {
                try client.send(step.method, step.path, step.body, headers: ["Operation-Id": id])
            }?.status
        }
        guard let status else { return false }
        let isAccepted = status < 300
        state.withLock { $0.requests[index].isAccepted = isAccepted }
        guard isAccepted else { return false }
        return try again { try client.follow(id, within: 30) } != nil
    }

    private func connect(_ step: Scenario.Step) throws -> Bool {
        let dialogue = try again(.port, step, "")
        state.withLock { $0.portDialogue = dialogue }
        return dialogue.status == 101
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

    /// The connection after the upgrade, or the last try of one.
    private func again(
        _ upgrade: Upgrade, _ step: Scenario.Step, _ id: String
    ) throws -> Dialogue {
        let end = ContinuousClock().now + .seconds(30)
        while true {
            let dialogue = try Dialogue(step, upgrade, id: id, socket)
            if dialogue.isAnswered || !retries || ContinuousClock().now > end { return dialogue }
            Thread.sleep(forTimeInterval: 0.005)
        }
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
