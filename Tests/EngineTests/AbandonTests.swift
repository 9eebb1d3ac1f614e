// An operator gives up the removal of a pod from a network whose plugin is gone.

import Documents
import EventLoop
import Host
import Kernel
import Metrics
import Model
import Simulation
import Testing

@testable import Engine

extension Simulated {
    struct AbandonTests {
        let stage: Stage

        init() throws { stage = try Stage.withPlugins() }

        /// Makes a pod, and begins its delete while no plugin is there any more.
        private func stuckDelete(_ network: PodNetwork = .cni(CNISpec())) throws -> UID {
            try #require(try stage.makePod("web", network).state == .ready)
            try stage.onMachine { $0.arePluginsGone = true }
            let delete = stage.delete(label("web"))
            let id = try #require(delete.operation?.id)
            _ = stage.eventually { detach(id)?.state == .waiting || found(id)?.state == .succeeded }
            return id
        }

        private func found(_ id: UID) -> PodOperation? {
            if case .found(let operation) = stage.engine.operation(id) { operation } else { nil }
        }

        private func detach(_ id: UID) -> OperationStep? {
            found(id)?.steps.first { $0.name == .removal(.networkDetach) }
        }

        private func abandon(
            _ id: UID, _ step: RemovalStep = .networkDetach, _ reason: String = "gone for good"
        ) -> Stage.Answer {
            stage.ask { () throws(Refusal) in
                try stage.engine.abandon(id, step, reason: reason, stage.context())
            }
        }

        private func refusal(_ answer: Stage.Answer) -> String? {
            if case .refused(.notAbandonable(let why)) = answer { why } else { nil }
        }

        @Test("a delete waits for a plugin without end, and goes on when the step is abandoned")
        func goesOn() throws {
            let id = try stuckDelete()
            stage.pass(milliseconds: 3_600_000)
            #expect(detach(id)?.state == .waiting)
            #expect(detach(id)?.detail?.contains("no directory has it") == true)
            #expect(abandon(id).operation?.abandonment?.reason == "gone for good")
            #expect(stage.eventually { stage.engine.pod(label("web")) == nil })
            let ended = try #require(found(id))
            #expect(ended.state == .succeeded && detach(id)?.state == .abandoned)
            #expect(ended.abandonment?.left == nil)
            let told = String(decoding: stage.engine.metrics.render(), as: UTF8.self)
            #expect(told.contains(#"steps_abandoned_total{step="network.detach"} 1"#))
            #expect(try stage.onMachine { $0.pods.isEmpty }, "the rest was removed by the uid")
        }

        @Test("what is left then is named, and does not keep the operation")
        func leavesByName() throws {
            let id = try stuckDelete()
            try stage.onMachine { $0.leftByPlugins = Blocker("rules of the pod in ip cni_x") }
            _ = abandon(id)
            #expect(stage.eventually { stage.engine.pod(label("web")) == nil })
            #expect(found(id)?.abandonment?.left == "rules of the pod in ip cni_x")
            #expect(detach(id)?.detail == "rules of the pod in ip cni_x")
        }

        @Test("the same reason again is the same request, and another reason is refused")
        func again() throws {
            let id = try stuckDelete()
            try stage.onMachine { $0.isDiskStuck = true }
            let first = abandon(id).operation?.abandonment
            #expect(first != nil && abandon(id).operation?.abandonment == first)
            #expect(
                refusal(abandon(id, .networkDetach, "another"))?.contains("'gone for good'") == true
            )
            try stage.onMachine { $0.isDiskStuck = false }
            #expect(stage.eventually { found(id)?.state == .succeeded })
            #expect(abandon(id).operation?.abandonment?.reason == "gone for good")
        }

        @Test("only a step that waits for a plugin can be abandoned")
        func refused() throws {
            let id = try stuckDelete()
            for step in RemovalStep.allCases where step != .networkDetach {
                #expect(refusal(abandon(id, step))?.contains("only network.detach") == true)
            }
            let unknown = UID(high: 1, low: 1)
            if case .refused(.notAbandonable) = abandon(unknown) { Issue.record("unknown") }
            try stage.onMachine { $0.arePluginsGone = false }
            #expect(stage.eventually { found(id)?.state == .succeeded })
            #expect(refusal(abandon(id)) == "the operation is succeeded")
        }

        @Test("the delete of a pod without plugins cannot be abandoned")
        func otherMode() throws {
            try stage.onMachine { $0.isKillStuck = true }
            let pod = try stage.makePod("plain", task: "app")
            let delete = stage.delete(pod.name)
            let id = try #require(delete.operation?.id)
            #expect(refusal(abandon(id))?.contains("mode 'cni'") == true)
            try stage.onMachine { $0.isKillStuck = false }
            #expect(stage.eventually { stage.engine.pod(pod.name) == nil })
        }
    }
}
