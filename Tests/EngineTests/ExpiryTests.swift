// A pod with `ttlAfterExit` is deleted that long after the exit of its last task.

import EventLoop
import JSON
import Kernel
import Model
import Simulation
import Testing

@testable import Documents
@testable import Engine

extension Simulated {
    struct ExpiryTests {
        let stage: Stage

        init() throws { stage = try Stage() }

        /// A pod whose tasks run. The first attempts may fail, because this machine injects
        /// failures.
        private func makePod(
            _ name: String, ttl: Int64?, tasks names: [String] = ["one", "two"]
        ) throws -> Pod {
            var spec = PodSpec(
                hostname: name,
                tasks: names.map { TaskSpec(name: label($0), rootfs: "/rootfs", args: ["x"]) })
            spec.ttlAfterExit = ttl
            for _ in 0..<20 {
                _ = try stage.engine.createPod(label(name), spec, stage.context())
                _ = stage.eventually { pod(name)?.state != .creating }
                if let pod = pod(name) { return pod }
            }
            throw Refusal.podUnknown(label(name))
        }

        private func pod(_ name: String) -> Pod? { stage.engine.pod(label(name)) }

        /// Lets a task exit, and waits until the daemon knows.
        private func end(_ task: String, of name: String) throws {
            _ = try stage.engine.stopTask(label(name), label(task), grace: 0, stage.context())
            #expect(stage.eventually { pod(name)?[task: label(task)]?.state.exit != nil })
        }

        private func patch(_ name: String, _ ttl: String) throws {
            let body = try PodPatch.decode(.parse(Array(#"{"ttlAfterExit": \#(ttl)}"#.utf8)))
            _ = try stage.engine.patchPod(label(name), body, stage.context())
        }

        @Test("a pod is deleted after the exit of its last task, and not before")
        func expires() throws {
            let made = try makePod("web", ttl: 5000)
            let other = try makePod("other", ttl: nil)
            #expect(made.expiry == nil)
            try end("one", of: "web")
            stage.pass(milliseconds: 60_000)
            #expect(pod("web")?.state == .ready && pod("web")?.expiry == nil)
            try end("two", of: "web")
            let exit = try #require(pod("web")?[task: label("two")]?.state.exit)
            #expect(pod("web")?.expiry?.time.milliseconds == exit.finishedAt + 5000)
            stage.pass(milliseconds: exit.finishedAt + 4900 - Stage.wall)
            #expect(pod("web")?.state == .ready)
            #expect(stage.eventually { pod("web") == nil })
            #expect(stage.log.contains { $0.contains("pod expired") })
            for task in ["one", "two"] { try end(task, of: "other") }
            stage.pass(milliseconds: 600_000)
            #expect(pod("other")?.uid == other.uid, "without a time it stays")
        }

        @Test("a pod without tasks stays, and a new task begins the wait anew")
        func begins() throws {
            _ = try makePod("web", ttl: 1000, tasks: [])
            stage.pass(milliseconds: 60_000)
            #expect(pod("web")?.state == .ready)
            _ = try makePod("late", ttl: 10_000, tasks: ["one"])
            try end("one", of: "late")
            let spec = TaskSpec(name: label("two"), rootfs: "/rootfs", args: ["x"])
            for _ in 0..<20 where pod("late")?[task: label("two")] == nil {
                _ = try stage.engine.createTask(label("late"), spec, stage.context())
                _ = stage.eventually {
                    pod("late")?[task: label("two")]?.state.name != "creating"
                }
            }
            stage.pass(milliseconds: 60_000)
            #expect(pod("late")?.state == .ready)
            try end("two", of: "late")
            #expect(stage.eventually { pod("late") == nil })
        }

        @Test("a PATCH keeps a pod that waits for its end, and gives it another time")
        func patches() throws {
            _ = try makePod("web", ttl: 5000, tasks: ["one"])
            try end("one", of: "web")
            try patch("web", "null")
            stage.pass(milliseconds: 60_000)
            #expect(pod("web")?.state == .ready)
            try patch("web", "3600")
            stage.pass(milliseconds: 600_000)
            #expect(pod("web")?.state == .ready)
            // The exit was longer ago than that.
            try patch("web", "0.5")
            #expect(stage.eventually { pod("web") == nil })
        }

        @Test("a jump of the clock neither shortens nor lengthens the wait")
        func jumps() throws {
            _ = try makePod("web", ttl: 100_000, tasks: ["one"])
            try end("one", of: "web")
            Loop.shared.reactor.jumpSimulatedWall(86_400_000)
            stage.pass(milliseconds: 50_000)
            #expect(pod("web")?.state == .ready)
            Loop.shared.reactor.jumpSimulatedWall(-2 * 86_400_000)
            stage.pass(milliseconds: 60_000)
            #expect(stage.eventually { pod("web") == nil })
        }

        @Test("a full store delays the delete")
        func waits() throws {
            _ = try makePod("web", ttl: 1000, tasks: ["one"])
            try end("one", of: "web")
            stage.disk.setFull(true)
            stage.pass(milliseconds: 60_000)
            #expect(pod("web") != nil)
            stage.disk.setFull(false)
            #expect(stage.eventually { pod("web") == nil })
        }
    }
}
