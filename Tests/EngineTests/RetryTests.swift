// What an operation shows of a step that waits.

import EventLoop
import Model
import Simulation
import Testing

@testable import Engine

extension Simulated {
    @Suite struct Retries {
        @Test("a blocked step reports when it is tried again, and no such time afterwards")
        func retryAt() throws {
            let stage = try Stage()
            let pod = try stage.makePod("web", task: "app")
            try stage.onMachine { world in
                world.isKillStuck = true
                world.killShim(of: pod.uid)
            }
            func step() -> OperationStep? {
                let open = stage.engine.registry.openOperations(of: pod.uid).first
                return open?.steps.first { $0.state == .waiting }
            }
            #expect(stage.eventually { step()?.retryAt != nil })
            let shown = try #require(step())
            let now = EngineClock.wall
            #expect((now...now + 1000).contains(shown.retryAt?.milliseconds ?? 0), "\(shown)")
            let cleanup = try #require(stage.engine.registry.openOperations(of: pod.uid).first)
            try stage.onMachine { $0.heal() }
            #expect(stage.eventually { stage.hasEnded(cleanup) })
            guard case .found(let ended) = stage.engine.operation(cleanup.id) else {
                Issue.record("the cleanup is not kept")
                return
            }
            #expect(ended.steps.allSatisfy { $0.retryAt == nil })
        }
    }
}
