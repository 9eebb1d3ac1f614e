// Fairness: requests for one pod do not slow other pods.

import Host
import Model
import Synchronization
import Testing

@testable import Engine
@testable import Simulation

extension Simulated {
    struct Load {
        /// Makes a pod with a running task and a stopped shim, so that its operations stay open.
        private func stoppedPod(_ stage: Stage, _ name: String) throws -> Pod {
            let pod = try stage.makePod(name, task: "app")
            try stage.onMachine { $0.pods[pod.uid]?.shim?.isStopped = true }
            return pod
        }

        private func signal(_ stage: Stage, _ pod: Pod, id: UID? = nil) -> Stage.Answer {
            stage.ask { () throws(Refusal) in
                try stage.engine.signalTask(pod.name, label("app"), .term, stage.context(id))
            }
        }

        @Test("a pod's open operations are limited, but stops, deletes and retries are accepted")
        func bounded() throws {
            let stage = try Stage()
            let limit = stage.engine.settings.limits.operationsPerPod
            let pod = try stoppedPod(stage, "web")
            let first = UID(high: 0x4000, low: 1)
            var accepted = [try #require(signal(stage, pod, id: first).operation)]
            for _ in 1..<6000 {
                switch signal(stage, pod) {
                case .accepted(let operation): accepted.append(operation)
                case .refused(let refusal): #expect(refusal == .tooManyOperations(limit: limit))
                case .nothing: Issue.record("nothing was done")
                }
            }
            #expect(accepted.count == limit)
            #expect(stage.engine.openOperations.count == limit)
            #expect(signal(stage, pod, id: first).operation?.id == first)
            let more = stage.ask { () throws(Refusal) in
                try stage.engine.createTask(
                    pod.name, TaskSpec(name: label("new"), rootfs: "/rootfs", args: ["x"]),
                    stage.context())
            }
            #expect(more.refusal == .tooManyOperations(limit: limit))
            #expect(stage.engine.pod(pod.name)?.tasks.count == 1)
            let stop = stage.ask { () throws(Refusal) in
                try stage.engine.stopTask(pod.name, label("app"), grace: 0, stage.context())
            }
            #expect(stop.operation != nil)
            let delete = stage.delete(pod.name)
            accepted += [stop, delete].compactMap(\.operation)
            #expect(accepted.count == limit + 2)
            #expect(try stage.makePod("other", task: "app").state == .ready)
            try stage.onMachine { $0.heal() }
            #expect(stage.eventually { accepted.allSatisfy(stage.hasEnded) })
        }

        @Test("an operation's cost does not depend on the number of open operations elsewhere")
        func costIsItsOwn() throws {
            let stage = try Stage()
            for number in 0..<40 {
                let pod = try stoppedPod(stage, "p\(number)")
                while signal(stage, pod).operation != nil {}
            }
            #expect(stage.engine.openOperations.count == 40 * 64)
            // All accepted operations have begun.
            try stage.onMachine { _ in }
            let visits = stage.engine.registry.state.withLock { $0.operations.visits }
            let before = visits.count.load(ordering: .relaxed)
            let made = try stage.makePod("quick", task: "app")
            let after = visits.count.load(ordering: .relaxed)
            #expect(made.state == .ready)
            #expect(after - before < 64, "\(after - before) operations were looked at")
        }

        @Test("a shim that does not read gets a repeated request once")
        func toldOnce() throws {
            let stage = try Stage()
            let pod = try stoppedPod(stage, "web")
            let delete = { () throws(Refusal) in
                try stage.engine.deletePod(
                    pod.name, uid: nil, grace: 5000, allowMissing: false, stage.context())
            }
            _ = stage.ask { () throws(Refusal) in
                try stage.engine.stopTask(pod.name, label("app"), grace: 60_000, stage.context())
            }
            #expect(stage.ask(delete).operation != nil)
            let sent = { try stage.onMachine { $0.pods[pod.uid]?.shim?.line?.lastID } }
            // All accepted operations have begun.
            try stage.onMachine { _ in }
            let once = try sent()
            for _ in 0..<100 { #expect(stage.ask(delete).operation != nil) }
            #expect(try sent() == once)
        }
    }
}
