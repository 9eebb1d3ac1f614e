// Restarts, as the engine learns them from a shim.

import EventLoop
import Kernel
import Model
import Simulation
import Testing

@testable import Engine

extension Simulated {
    struct RestartTests {
        let stage: Stage
        private let app = label("app")

        init() throws { stage = try Stage() }

        /// A pod whose task has ended once, and waits a minute for its restart.
        private func makePod(ttl: Int64? = nil) throws -> Pod {
            var task = TaskSpec(name: app, rootfs: "/rootfs", args: ["x"])
            task.restart = RestartSpec(policy: .always, initialBackoff: 60_000)
            var spec = PodSpec(hostname: "web", tasks: [task])
            spec.ttlAfterExit = ttl
            for _ in 0..<20 where pod == nil {
                _ = try stage.engine.createPod(label("web"), spec, stage.context())
                _ = stage.eventually { pod?.state != .creating }
            }
            if pod?[task: app]?.nextStart == nil {
                _ = try stage.engine.signalTask(label("web"), app, .kill, stage.context())
            }
            try #require(stage.eventually { pod?[task: app]?.nextStart != nil })
            return try #require(pod)
        }

        private var pod: Pod? { stage.engine.pod(label("web")) }
        private var task: PodTask? { pod?[task: app] }

        @Test("a pod does not expire while a task of it waits for a restart")
        func doesNotExpire() throws {
            let made = try makePod(ttl: 1000)
            #expect(made.expiry == nil)
            stage.pass(milliseconds: 30_000)
            #expect(pod?.state == .ready && task?.attempt == 1)
            #expect(stage.eventually { task?.attempt ?? 0 > 1 })
            _ = try stage.engine.stopTask(label("web"), app, grace: 0, stage.context())
            #expect(stage.eventually { pod?.expiry != nil || pod == nil })
            #expect(stage.eventually { pod == nil })
        }

        @Test("a start does not wait for the pause, and a stop ends the restarts")
        func starts() throws {
            let exit = try #require(makePod()[task: app]?.lastExit)
            let start = stage.ask { () throws(Refusal) in
                try stage.engine.startTask(label("web"), app, stage.context())
            }
            let operation = try #require(start.operation)
            #expect(stage.eventually { stage.hasEnded(operation) })
            // The runtime in memory fails now and then; the attempt has then ended unseen.
            #expect(task?.attempt == 2 && task?.exits.first == exit)
            let stop = stage.ask { () throws(Refusal) in
                try stage.engine.stopTask(label("web"), app, grace: 0, stage.context())
            }
            let stopped = try #require(stop.operation)
            #expect(stage.eventually { stage.hasEnded(stopped) })
            #expect(task?.state.exit != nil && task?.nextStart == nil)
            let attempt = task?.attempt
            stage.pass(milliseconds: 600_000)
            #expect(task?.attempt == attempt)
            let late = stage.ask { () throws(Refusal) in
                try stage.engine.startTask(label("web"), app, stage.context())
            }
            guard case .taskState(.exited)? = late.refusal else {
                Issue.record("\(late)")
                return
            }
        }

        @Test("a shim that hangs up is asked again, and no exit is lost")
        func hangsUp() throws {
            _ = try makePod()
            for _ in 0..<5 {
                try stage.onMachine { world in world.pods.values.first?.shim?.hangUp() }
                _ = stage.ask { () throws(Refusal) in
                    try stage.engine.startTask(label("web"), app, stage.context())
                }
                stage.pass(milliseconds: 5000)
                _ = stage.ask { () throws(Refusal) in
                    try stage.engine.signalTask(label("web"), app, .kill, stage.context())
                }
                #expect(stage.eventually { task?.nextStart != nil })
            }
            let attempts = try #require(task?.exits.map(\.attempt))
            #expect(attempts == Array(1...UInt32(attempts.count)) && attempts.count > 2)
        }
    }
}
