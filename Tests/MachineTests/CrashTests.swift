// The daemon dies, and nothing changes for pods, operations and exits.

import Foundation
import JSON
import Synchronization
import Testing

extension Machine {
    @Suite(.needsDaemon) struct Crash {
        @Test("a restarted daemon adopts the running pods", arguments: ["kill", "term"])
        func adopts(_ way: String) throws {
            try withDaemon { daemon, client in
                let before = try client.createPod("web", daemon.rootfs.sleeper)
                if way == "kill" {
                    daemon.crash()
                } else {
                    #expect(seconds { daemon.terminate() } < 2)
                }
                let pid = try #require(before["tasks", "app", "pid"]?.integer)
                #expect(exists("/proc/\(pid)"), "pods go on without their daemon")
                try daemon.start()
                let after = try client.send("GET", "/v1/pods/web")
                #expect(after.uid == before.uid)
                #expect(after.state == "ready")
                #expect(after["tasks", "app", "pid"]?.integer == pid)
                #expect(after["shim"] == before["shim"])
            }
        }

        @Test("an exit without a running daemon is not lost")
        func exitIsKept() throws {
            try withDaemon { daemon, client in
                let shared = daemon.home + "/shared"
                try makeDirectory(shared)
                let mount = #"{"type": "bind", "source": "\#(shared)", "target": "/data"}"#
                let script = "while [ ! -e /data/go ]; do sleep 0.02; done; exit 42"
                let pod = try client.createPod(
                    "web", daemon.rootfs.pod(script, "\"mounts\": [\(mount)]"))
                let pid = try #require(pod["tasks", "app", "pid"]?.integer)
                daemon.crash()
                try write("", to: shared + "/go")
                try eventually("the task has ended") { !exists("/proc/\(pid)") }
                try daemon.start()
                let task = try client.waitForTask("web", "app", "exited")
                #expect(task["exitCode"]?.integer == 42)
                #expect(task["exitUnknown"] == .bool(false))
            }
        }

        @Test(
            "every operation ends after a kill at any moment of a create or delete, and a restart")
        func killedAnywhere() throws {
            try withDaemon { daemon, client in
                for round in 0..<(Installation.isDeep ? 40 : 8) {
                    let name = "p\(round)"
                    let create = try client.send("PUT", "/v1/pods/\(name)", daemon.rootfs.sleeper)
                    // Later in each round, so that the crash moves through the whole create.
                    Thread.sleep(forTimeInterval: Double(round % 10) * 0.008)
                    try daemon.crashAndRestart()
                    #expect(try client.follow(create.id).state == "succeeded")
                    let delete = try client.send("DELETE", "/v1/pods/\(name)?grace=0")
                    Thread.sleep(forTimeInterval: Double(round % 10) * 0.005)
                    try daemon.crashAndRestart()
                    let ended = try client.follow(delete.id)
                    #expect(ended.state == "succeeded")
                    #expect(ended["exits", "app", "exitUnknown"] == .bool(false))
                }
            }
        }

        @Test("8 clients create and delete pods while the daemon is killed again and again")
        func churn() throws {
            let pods = Installation.isDeep ? 500 : 60
            let kills = Installation.isDeep ? 20 : 4
            try withDaemon { daemon, client in
                let churn = Churn(socket: daemon.socket, body: daemon.rootfs.sleeper, pods: pods)
                churn.start(clients: 8)
                for kill in 1...kills {
                    try eventually("\(kill) of \(kills + 1) parts are done", within: 300) {
                        churn.finished * (kills + 1) >= kill * pods || churn.isOver
                    }
                    try daemon.crashAndRestart()
                }
                try eventually("all clients are done", within: 300) { churn.isOver }
                #expect(churn.failures == [])
                for operation in churn.operations {
                    #expect(try client.follow(operation).state == "succeeded")
                }
                let left = try client.send("GET", "/v1/pods")
                #expect(left["items"]?.elements == [])
            }
        }

        @Test("a daemon that is restarted with 200 pods answers within a second")
        func restartsSoon() throws {
            let pods = Installation.isDeep ? 200 : 40
            try withDaemon { daemon, client in
                var operations: [String] = []
                for number in 0..<pods {
                    let path = "/v1/pods/p\(number)"
                    operations.append(try client.send("PUT", path, daemon.rootfs.sleeper).id)
                }
                for operation in operations {
                    #expect(try client.follow(operation).state == "succeeded")
                }
                daemon.crash()
                let took = try seconds { try daemon.start() }
                #expect(took < 1)
                let list = try client.send("GET", "/v1/pods?limit=1000&state=ready")
                try eventually("all are ready again") {
                    try client.send("GET", "/v1/pods?limit=1000&state=ready")["items"]?.elements?
                        .count
                        == pods
                }
                #expect(list.status == 200)
            }
        }

        @Test("two daemons side by side do not see each other")
        func sideBySide() throws {
            try withDaemon { one, first in
                try withDaemon { two, second in
                    let here = try first.createPod("web", one.rootfs.sleeper)
                    let there = try second.createPod("web", two.rootfs.sleeper)
                    #expect(here.status == 201 && there.status == 201)
                    #expect(here.uid != there.uid)
                    try first.deletePod("web")
                    #expect(try second.send("GET", "/v1/pods/web").uid == there.uid)
                    try one.crashAndRestart()
                    #expect(
                        try second.send("GET", "/v1/audit?fresh=true")["balanced"] == .bool(true))
                }
            }
        }

        @Test("an unmount that the kernel holds for 12 s delays only its own delete")
        func stuckUnmount() throws {
            try withDaemon { daemon, client in
                let pod = try client.createPod("web", daemon.rootfs.sleeper)
                let shim = try #require(pod["shim", "pid"]?.integer)
                let rootfs = "\(daemon.runDirectory)/pods/\(pod.uid)/tasks/app/rootfs"
                let strace = try Command.start(
                    "strace", "-f", "-qq", "-o", "/dev/null", "-p", "\(shim)", "-P", rootfs, "-e",
                    "trace=umount2", "-e", "inject=umount2:delay_enter=12000000")
                defer { strace.terminate() }
                try eventually("strace holds the shim") {
                    text(of: "/proc/\(shim)/status")?.contains("TracerPid:\t0\n") == false
                }
                let answer = try client.send("DELETE", "/v1/pods/web?grace=0")
                #expect(answer.status == 202)
                #expect(answer.took < 0.020)
                let operation = answer.id
                let clock = ContinuousClock()
                let began = clock.now
                #expect(try client.send("DELETE", "/v1/pods/web?grace=0").id == operation)
                try eventually("the unmount has begun") {
                    try unmountState(client, operation) == "running"
                }
                daemon.crash()
                try daemon.start()
                #expect(try client.send("GET", "/v1/pods").took < 0.1)
                #expect(try client.createPod("other", daemon.rootfs.sleeper).status == 201)
                let stuck = try client.send("GET", "/v1/operations/\(operation)")
                #expect(stuck.state == "running")
                let ended = try client.follow(operation)
                let took = clock.now - began
                #expect(ended.state == "succeeded")
                #expect(ended["resumed"]?.integer == 1)
                #expect(took > .seconds(11) && took < .seconds(16), "\(took)")
            }
        }

        private func unmountState(_ client: Client, _ operation: String) throws -> String? {
            let steps = try client.send("GET", "/v1/operations/\(operation)")["steps"]?.elements
            return steps?.first { $0["name"] == .string("rootfs.unmount") }?["state"]?.string
        }
    }
}

/// Clients that make and delete pods, and retry while there is no daemon. They name their
/// operations, so a retry is the same request.
final class Churn: Sendable {
    private struct State {
        var next = 0
        var finished = 0
        var running = 0
        var operations: [String] = []
        var failures: [String] = []
    }

    private let state = Mutex(State())
    private let socket: String
    private let body: String
    private let pods: Int

    init(socket: String, body: String, pods: Int) {
        self.socket = socket
        self.body = body
        self.pods = pods
    }

    var finished: Int { state.withLock { $0.finished } }
    var isOver: Bool { state.withLock { $0.running == 0 } }
    var operations: [String] { state.withLock { $0.operations } }
    var failures: [String] { state.withLock { $0.failures } }

    func start(clients: Int) {
        state.withLock { $0.running = clients }
        for _ in 0..<clients {
            Thread.detachNewThread {
                let client = Client(self.socket)
                while let number = self.take() {
                    do { try self.cycle(client, "churn-\(number)") } catch {
                        self.state.withLock { $0.failures.append("\(number): \(error)") }
                    }
                    self.state.withLock { $0.finished += 1 }
                }
                self.state.withLock { $0.running -= 1 }
            }
        }
    }

    private func take() -> Int? {
        state.withLock { state in
            guard state.next < pods else { return nil }
            defer { state.next += 1 }
            return state.next
        }
    }

    private func cycle(_ client: Client, _ name: String) throws {
        for (method, path) in [("PUT", "/v1/pods/\(name)"), ("DELETE", "/v1/pods/\(name)?grace=0")]
        {
            let id = UUID().uuidString.lowercased()
            let body = method == "PUT" ? self.body : nil
            let answer = try commitUntilAccepted {
                try client.send(method, path, body, headers: ["Operation-Id": id])
            }
            guard answer.id == id else { throw Broken("\(method): \(answer.reply.text)") }
            state.withLock { $0.operations.append(id) }
            let ended = try commitUntilAccepted { try client.follow(id) }
            guard ended.state == "succeeded" else { throw Broken("\(method): \(ended.reply.text)") }
        }
    }

    /// Retries as a client does while its daemon restarts.
    private func commitUntilAccepted(_ call: () throws -> Answer) throws -> Answer {
        let clock = ContinuousClock()
        let end = clock.now + .seconds(60)
        while true {
            do {
                let answer = try call()
                if answer.status != 503 { return answer }
            } catch let broken as Broken where clock.now > end { throw broken } catch is Broken {}
            guard clock.now < end else { throw Broken("503 for 60 s") }
            Thread.sleep(forTimeInterval: 0.01)
        }
    }
}
