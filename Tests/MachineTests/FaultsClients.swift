// Clients that come all at once, and clients that go away.

import Foundation
import Glibc
import JSON
import Synchronization
import Testing

extension Machine {
    @Suite(.needsDaemon) struct ClientFaults {
        @Test("200 simultaneous deletes of one pod are one operation")
        func manyDeletes() throws {
            try withFault("200 deletes at once") { daemon, client in
                _ = try client.createPod("web", daemon.rootfs.sleeper)
                let answers = try ClientGroup(200, daemon.socket).ask { client, _ in
                    try client.send("DELETE", "/v1/pods/web?grace=0")
                }
                #expect(answers.count == 200)
                #expect(Set(answers.map(\.id)).count == 1)
                #expect(answers.allSatisfy { $0.status == 202 || $0.status == 200 })
                let ended = try client.follow(answers[0].id)
                #expect(ended.state == "succeeded")
                let joined = answers.filter { $0.status == 202 }.count - 1
                #expect(ended["joined"]?.integer == Int64(joined))
            }
        }

        @Test(
            "one name that 50 clients create and delete is one pod, and every answer is true"
        )
        func oneName() throws {
            try withFault("PUT and DELETE of one name by 50 clients") { daemon, client in
                let seconds = Installation.isDeep ? 60.0 : 5.0
                let end = ContinuousClock().now + .seconds(seconds)
                let accepted = Mutex<Set<String>>([])
                let body = daemon.rootfs.sleeper
                let answers = try ClientGroup(50, daemon.socket).ask { client, number in
                    var last: Answer?
                    var turn = number
                    while ContinuousClock().now < end {
                        let answer =
                            turn % 2 == 0
                            ? try client.send("PUT", "/v1/pods/one", body)
                            : try client.send("DELETE", "/v1/pods/one?grace=0")
                        if answer.status == 202 {
                            _ = accepted.withLock { $0.insert(answer.id) }
                        }
                        turn += 1
                        last = answer
                    }
                    return try #require(last)
                }
                #expect(answers.count == 50)
                daemon.expectAnswers()
                let operations = accepted.withLock { $0 }
                #expect(operations.count > 2)
                for operation in operations {
                    let ended = try client.follow(operation)
                    #expect(
                        ended["finishedAt"] != .null && ended.state != "failed",
                        "\(ended.reply.text)")
                }
                _ = try client.send("DELETE", "/v1/pods/one?grace=0&allowMissing=true")
            }
        }

        @Test(
            "a client that disconnects at any byte of a request leaves no pod or a whole pod",
            arguments: ["PUT", "DELETE"])
        func disconnects(_ method: String) throws {
            try withFault("disconnects at each byte of \(method)") { daemon, client in
                let body = method == "PUT" ? daemon.rootfs.sleeper : ""
                let request = Array(
                    """
                    \(method) /v1/pods/half HTTP/1.1\r\nHost: localhost\r\n\
                    Content-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n\r\n\
                    \(body)
                    """.utf8)
                if method == "DELETE" { _ = try client.createPod("half", daemon.rootfs.sleeper) }
                let uid = try client.send("GET", "/v1/pods/half").uid
                for end in 0..<request.count {
                    let wire = try Wire(path: daemon.socket)
                    try wire.send(request[..<end])
                }
                let seen = try client.send("GET", "/v1/pods/half")
                #expect(seen.state == (method == "PUT" ? nil : "ready"))
                #expect(seen.uid == uid)
                do {
                    let wire = try Wire(path: daemon.socket)
                    try wire.send(request[...])
                }
                // The whole request arrived, and the daemon may have read it. Then it is carried
                // out whole.
                try eventually("it is there, or it is not") {
                    let open = try client.send("GET", "/v1/operations?state=running")
                    let waiting = try client.send("GET", "/v1/operations?state=pending")
                    return open["items"]?.elements == [] && waiting["items"]?.elements == []
                }
                let after = try client.send("GET", "/v1/pods/half")
                #expect(after.state == "ready" || after.code == "pod-unknown")
                daemon.expectAnswers()
            }
        }
    }
}

/// Clients that send requests at the same time, each on a thread and a connection of its own.
private final class ClientGroup: Sendable {
    private let count: Int
    private let socket: String
    private let answers = Mutex<[Answer]>([])
    private let failures = Mutex<[String]>([])

    init(_ count: Int, _ socket: String) {
        self.count = count
        self.socket = socket
    }

    /// Returns each client's answer, once all have one.
    func ask(_ body: @escaping @Sendable (Client, Int) throws -> Answer) throws -> [Answer] {
        let ended = DispatchGroup()
        for number in 0..<count {
            ended.enter()
            Thread.detachNewThread {
                defer { ended.leave() }
                do {
                    let answer = try body(Client(self.socket), number)
                    self.answers.withLock { $0.append(answer) }
                } catch { self.failures.withLock { $0.append("\(error)") } }
            }
        }
        guard ended.wait(timeout: .now() + 180) == .success else {
            throw Broken("some clients have no answer")
        }
        let failed = failures.withLock { $0 }
        #expect(failed == [])
        return answers.withLock { $0 }
    }
}
