// Init tasks, and tasks that start after others, on a machine in memory.

import Documents
import EventLoop
import JSON
import Kernel
import Model
import Simulation
import Testing

@testable import Engine

extension Simulated {
    struct StartOrderTests {
        let stage: Stage
        private let web = label("web")
        private let setup = label("setup")

        init() throws { stage = try Stage() }

        private func task(_ name: String, after: [String] = []) -> TaskSpec {
            var task = TaskSpec(name: label(name), rootfs: "/rootfs", args: ["x"])
            task.after = after.map { label($0) }
            return task
        }

        /// The tasks `a` after `b`, and the init task `setup`.
        private func tasks(_ restart: RestartSpec = RestartSpec()) -> [TaskSpec] {
            var first = task("setup")
            first.isInit = true
            first.restart = restart
            return [task("a", after: ["b"]), task("b"), first]
        }

        private var pod: Pod? { stage.engine.pod(web) }

        private func operation(_ id: UID) -> PodOperation? {
            guard case .found(let operation) = stage.engine.operation(id) else { return nil }
            return operation
        }

        private func wait(_ id: UID) -> OperationStep? {
            operation(id)?.steps.first { $0.name == .create(.taskWait) }
        }

        /// Creates the pod until `level` holds of the operation: the machine in memory fails now
        /// and then.
        private func create(
            _ restart: RestartSpec = RestartSpec(), codes: [Int32] = [], isHeld: Bool = false,
            until level: (PodOperation) -> Bool
        ) throws -> PodOperation {
            for _ in 0..<20 {
                try stage.onMachine {
                    $0.initCodes = codes
                    $0.areInitsHeld = isHeld
                }
                let answer = stage.ask { () throws(Refusal) in
                    try stage.engine.createPod(
                        web, PodSpec(hostname: "web", tasks: tasks(restart)), stage.context())
                }
                let id = try #require(answer.operation?.id)
                var last: PodOperation?
                _ = stage.eventually {
                    last = operation(id)
                    return last.map { level($0) || $0.state.hasEnded } ?? true
                }
                if let last, level(last) { return last }
            }
            throw Refusal.podUnknown(web)
        }

        private func createWaiting() throws -> PodOperation {
            try create(isHeld: true) { operation in
                operation.steps.contains {
                    $0.name == .create(.taskWait) && $0.state == .waiting
                        && $0.detail?.contains("runs") == true
                }
            }
        }

        @Test("no task is made before the init task has ended, and then each in its order")
        func waits() throws {
            let create = try createWaiting()
            let planned = create.steps.map { "\($0.name.text) \($0.object?.text ?? "")" }
            #expect(
                planned == [
                    "shim.start ", "rootfs.mount setup", "task.create setup", "task.wait setup",
                    "rootfs.mount b", "task.create b", "rootfs.mount a", "task.create a",
                ])
            stage.pass(milliseconds: 60_000)
            let pid = try #require(pod?[task: setup]?.state.process?.pid)
            #expect(wait(create.id)?.detail == "task 'setup' runs: pid \(pid)")
            #expect(operation(create.id)?.stalled == nil)
            #expect(pod?.tasks.prefix(2).allSatisfy { $0.state == .creating } ?? false)
            try stage.onMachine { $0.areInitsHeld = false }
            try #require(stage.eventually { pod?.state != .creating })
            // The machine may refuse to make one of the others.
            guard let pod else { return }
            #expect(pod[task: setup]?.state.exit?.status != nil)
            #expect(pod[task: setup]?.attempt == 1)
        }

        @Test("the others start one after another, and the init task stays ended")
        func succeeds() throws {
            _ = try create(codes: [0]) { $0.state == .succeeded }
            let pod = try #require(pod)
            let pids = try stage.onMachine { world in
                world.initRuns.values.map { $0 }
            }
            #expect(pids.last?.count == 1)
            #expect(pod[task: setup]?.state.exit?.status == .code(0))
            let start = stage.ask { () throws(Refusal) in
                try stage.engine.startTask(web, setup, stage.context())
            }
            guard case .taskState(.exited)? = start.refusal else {
                Issue.record("\(start)")
                return
            }
            if let first = pod[task: label("b")]?.state.process,
                let second = pod[task: label("a")]?.state.process
            {
                #expect(first.pid < second.pid)
            }
        }

        @Test("an init task that fails undoes the create, which tells its exit")
        func fails() throws {
            let ended = try create(codes: [3]) { $0.error?.cause == .known(.initTaskFailed) }
            #expect(ended.state == .failed)
            #expect(ended.error?.detail == "the init task 'setup' ended with exit code 3")
            #expect(ended.error?.step == .create(.taskWait))
            #expect(ended.exits[setup]?.status == .code(3))
            #expect(pod == nil)
            #expect(try stage.onMachine { $0.pods.isEmpty })
        }

        @Test("an init task is restarted as its policy says, and the create waits")
        func restarts() throws {
            let policy = RestartSpec(policy: .onFailure, initialBackoff: 5000)
            let waiting = try create(policy, codes: [3, 0]) { operation in
                operation.steps.contains {
                    $0.detail?.contains("exit code 3 and will be restarted") == true
                } || operation.state == .succeeded
            }
            _ = stage.eventually { stage.hasEnded(waiting) }
            guard operation(waiting.id)?.state == .succeeded else { return }
            #expect(pod?[task: setup]?.attempt ?? 0 >= 2)
            #expect(pod?[task: setup]?.state.exit?.status == .code(0))
        }

        @Test("the create fails when the last restart has failed")
        func restartsEnd() throws {
            let policy = RestartSpec(policy: .onFailure, maxRetries: 1, initialBackoff: 10)
            let ended = try create(policy, codes: [3, 4]) {
                $0.error?.cause == .known(.initTaskFailed)
            }
            let detail = try #require(ended.error?.detail)
            // The runtime in memory may refuse the second attempt, whose end is then unseen.
            #expect(
                [
                    "the init task 'setup' ended with exit code 4 in attempt 2",
                    "the init task 'setup' ended with an exit that no shim saw in attempt 2",
                ].contains(detail))
        }

        enum End: CaseIterable, Sendable { case cancel, delete }

        @Test("the wait ends at once when the create is called off", arguments: End.allCases)
        func calledOff(_ end: End) throws {
            let create = try createWaiting()
            switch end {
            case .cancel: _ = try stage.engine.cancel(create.id, stage.context())
            case .delete: #expect(stage.delete(web).operation != nil)
            }
            #expect(stage.eventually { operation(create.id)?.state == .canceled })
            #expect(stage.eventually { pod == nil })
            #expect(try stage.onMachine { $0.pods.isEmpty })
        }

        @Test("the create fails when the shim dies meanwhile")
        func loses() throws {
            let create = try createWaiting()
            let uid = try #require(pod?.uid)
            try stage.onMachine { $0.killShim(of: uid) }
            #expect(stage.eventually { operation(create.id)?.state == .failed })
            #expect(operation(create.id)?.error?.cause == .known(.shimFailed))
            #expect(stage.eventually { pod == nil })
        }

        @Test("an exit that was told over a lost connection is asked for")
        func hangsUp() throws {
            let create = try createWaiting()
            let uid = try #require(pod?.uid)
            for _ in 0..<3 {
                try stage.onMachine { $0.pods[uid]?.shim?.hangUp() }
                stage.pass(milliseconds: 3000)
                #expect(wait(create.id)?.state == .waiting)
            }
            try stage.onMachine {
                $0.areInitsHeld = false
                $0.pods[uid]?.shim?.hangUp()
            }
            #expect(stage.eventually { wait(create.id)?.isDone ?? true })
        }

        @Test("a stopped shim is shown as a stall, until it goes on")
        func stops() throws {
            let create = try createWaiting()
            let uid = try #require(pod?.uid)
            try stage.onMachine { $0.pods[uid]?.shim?.isStopped = true }
            #expect(stage.eventually { operation(create.id)?.stalled != nil })
            #expect(operation(create.id)?.stalled?.step == .create(.taskWait))
            try stage.onMachine { $0.pods[uid]?.shim?.isStopped = false }
            #expect(stage.eventually { operation(create.id)?.stalled == nil })
            #expect(wait(create.id)?.state == .waiting)
        }

        private func add(_ task: TaskSpec) -> Stage.Answer {
            stage.ask { () throws(Refusal) in
                try stage.engine.createTask(web, task, stage.context())
            }
        }

        @Test("a task of a pod that exists starts after tasks that run, or that are being made")
        func adds() throws {
            _ = try stage.makePod("web", task: "old")
            for number in 0..<20 {
                let (one, two) = ("one\(number)", "two\(number)")
                let first = try #require(add(task(one)).operation)
                let second = try #require(add(task(two, after: [one, "old"])).operation)
                #expect(second.steps.first?.name == .create(.taskWait))
                #expect(stage.eventually { stage.hasEnded(first) && stage.hasEnded(second) })
                let ends = (operation(first.id), operation(second.id))
                if ends.0?.state == .failed {
                    // The machine in memory refused the first one.
                    #expect(ends.1?.state == .failed)
                    #expect(ends.1?.error?.step == .create(.taskWait))
                    #expect(ends.1?.error?.detail.contains("'\(one)'") == true)
                    continue
                }
                if ends.1?.state == .succeeded { return }
            }
            Issue.record("no task was made")
        }

        @Test("a task that would wait for ever, and an init task, are refused in a pod that exists")
        func refuses() throws {
            var waiting = task("waiting")
            waiting.start = false
            _ = try stage.makePod("web", task: "old")
            for _ in 0..<20 where pod?[task: waiting.name]?.state.process == nil {
                let made = add(waiting)
                _ = stage.eventually { made.operation.map { stage.hasEnded($0) } ?? true }
            }
            var late = task("late")
            late.isInit = true
            for (asked, place) in [
                (late, "/init"), (task("x", after: ["none"]), "/after/0"),
                (task("x", after: ["old", "waiting"]), "/after/1"),
                (task("x", after: ["x"]), "/after"),
            ] {
                guard case .documentFaults(let faults)? = add(asked).refusal else {
                    Issue.record("\(asked.after)")
                    continue
                }
                #expect(faults.faults.map(\.pointer.text) == [place])
            }
        }
    }
}
