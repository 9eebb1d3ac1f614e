// The health of tasks, as the engine learns it from a shim.

import EventLoop
import JSON
import Kernel
import Model
import Simulation
import Testing

@testable import Engine

extension Simulated {
    struct HealthTests {
        let stage: Stage
        private let app = label("app")

        init() throws {
            stage = try Stage()
            // The events are in memory as long as clients follow them.
            for _ in 0..<2 { _ = stage.engine.followEvents {} }
        }

        private func makePod(_ action: HealthSpec.Action, _ restart: RestartSpec) throws {
            var task = TaskSpec(name: app, rootfs: "/rootfs", args: ["x"])
            task.restart = restart
            task.health = HealthSpec(check: .tcp(port: 1))
            task.health?.onFailure = action
            let spec = PodSpec(hostname: "web", tasks: [task])
            for _ in 0..<20 where pod == nil {
                _ = try stage.engine.createPod(label("web"), spec, stage.context())
                _ = stage.eventually { pod?.state != .creating }
            }
            try #require(pod?.state == .ready)
        }

        private var pod: Pod? { stage.engine.pod(label("web")) }
        private var task: PodTask? { pod?[task: app] }

        /// The events of the task, as kind, state and attempt.
        private func told() throws -> [String] {
            var (found, last): ([String], UInt64) = ([], 0)
            while true {
                let some = try stage.engine.events(after: last, limit: 64)
                for event in some {
                    let json = try JSONValue.parse(event.document)
                    guard let attempt = json["attempt"]?.integer else { continue }
                    found.append("\(json["state"]?.string ?? "") \(attempt)")
                }
                guard let next = some.last?.revision else { return found }
                last = next
            }
        }

        @Test("each change of an attempt has one event, also if the shim hangs up")
        func changes() throws {
            try makePod(.none, RestartSpec(policy: .always))
            for _ in 0..<20 {
                try stage.onMachine { world in world.pods.values.first?.shim?.hangUp() }
                stage.pass(milliseconds: 3000)
            }
            #expect(stage.eventually { task?.healthChange?.number ?? 0 > 15 })
            let told = try told()
            let number = try #require(task?.healthChange?.number)
            let changes = told.filter { $0.contains("healthy") }
            #expect(UInt64(changes.count) == number)
            for attempt in 1...UInt64(task?.attempt ?? 1) {
                let own = changes.filter { $0.hasSuffix(" \(attempt)") }
                for (index, change) in own.enumerated() {
                    #expect(change.hasPrefix("healthy") == (index % 2 == 0), "\(own)")
                }
            }
        }

        @Test("an unhealthy task is restarted although its policy is never")
        func restarts() throws {
            var restarted = 0
            for _ in 0..<12 {
                try makePod(.restart, RestartSpec(policy: .never))
                // Some simulated processes end by themselves, and stay so.
                let isOver = stage.eventually {
                    task?.attempt ?? 0 > 1 || task?.state.exit != nil && task?.nextStart == nil
                }
                #expect(isOver)
                if task?.attempt ?? 0 > 1 { restarted += 1 }
                let delete = stage.delete(label("web"))
                let operation = try #require(delete.operation)
                #expect(stage.eventually { stage.hasEnded(operation) } && pod == nil)
            }
            #expect(restarted > 2)
        }

        @Test("an unhealthy task that is stopped stays so, and shows why")
        func stops() throws {
            try makePod(.stop, RestartSpec(policy: .always, initialBackoff: 0, maxBackoff: 0))
            #expect(stage.eventually { task?.state.exit != nil && task?.nextStart == nil })
            stage.pass(milliseconds: 600_000)
            #expect(task?.state.exit != nil && task?.nextStart == nil)
            #expect(task?.health?.state == .unhealthy)
            let told = try told()
            let attempt = try #require(task?.attempt)
            #expect(told.suffix(2) == ["unhealthy \(attempt)", "exited \(attempt)"], "\(told)")
        }
    }
}
