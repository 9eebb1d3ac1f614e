// PATCH of a task, as the engine records it.

import Documents
import JSON
import Model
import Simulation
import Testing

@testable import Engine

extension Simulated {
    struct TaskUpdateTests {
        let stage: Stage
        private let web = label("web")
        private let app = label("app")

        init() throws { stage = try Stage() }

        private var task: PodTask? { stage.engine.pod(web)?[task: app] }

        /// A pod whose task runs: some tasks of this machine end by themselves.
        private func makePod() throws {
            for number in 0..<20 {
                _ = try stage.makePod("web", task: "app")
                if case .running? = task?.state { return }
                _ = stage.delete(web)
                #expect(stage.eventually { stage.engine.pod(web) == nil }, "\(number)")
            }
            throw Refusal.podUnknown(web)
        }

        private func patch(_ text: String) throws -> Stage.Answer {
            let patch = try TaskPatch.decode(JSONValue.parse(Array(text.utf8)), name: app)
            return stage.ask { () throws(Refusal) in
                try stage.engine.patchTask(web, app, patch, stage.context())
            }
        }

        private func memory(_ bytes: Int64) throws -> Stage.Answer {
            try patch(#"{"resources": {"memory": \#(bytes)}}"#)
        }

        /// How the operation has ended; `nil` if it has not.
        private func end(of operation: PodOperation) -> PodOperation? {
            guard case .found(let now) = stage.engine.operation(operation.id),
                now.state.hasEnded
            else { return nil }
            return now
        }

        @Test("the record changes when the shim has made the update, and not if that is refused")
        func records() throws {
            var ends: Set<OperationState> = []
            for round in 0..<60 where ends.count < 2 {
                if round == 0 || task?.state.process == nil {
                    if round > 0 {
                        _ = stage.delete(web)
                        #expect(stage.eventually { stage.engine.pod(web) == nil })
                    }
                    try makePod()
                }
                let before = try #require(task)
                let bytes = Int64(round + 8) << 20
                let operation = try #require(try memory(bytes).operation)
                #expect(operation.kind == .taskUpdate && operation.patch != nil)
                #expect(task?.spec == before.spec, "it is only asked for")
                #expect(stage.eventually { end(of: operation) != nil })
                let ended = try #require(end(of: operation))
                ends.insert(ended.state)
                #expect(ended.patch == nil, "an ended operation needs no patch")
                let isMade = ended.state == .succeeded
                #expect(
                    task?.spec.resources.memory
                        == (isMade ? bytes : before.spec.resources.memory))
            }
            #expect(ends == [.succeeded, .failed])
        }

        @Test("a patch that changes nothing joins the open update, or does nothing")
        func joins() throws {
            try makePod()
            let first = try #require(try memory(9 << 20).operation)
            let again = try #require(try memory(9 << 20).operation)
            #expect(again.id == first.id && again.joined == 1)
            let second = try #require(try patch(#"{"resources": {"pids": 9}}"#).operation)
            #expect(second.id != first.id)
            #expect(try memory(9 << 20).operation?.id == second.id)
            #expect(stage.eventually { end(of: second) != nil })
            let made = try #require(end(of: first)).state == .succeeded
            // What was refused has no part in the later update.
            #expect(task?.spec.resources.memory == (made ? 9 << 20 : nil))
            if case .nothing = try patch("{}") { return }
            Issue.record("an empty patch made something")
        }

        @Test("limits of an ended task are refused")
        func ended() throws {
            try makePod()
            let stop = stage.ask { () throws(Refusal) in
                try stage.engine.stopTask(web, app, grace: 0, stage.context())
            }
            let operation = try #require(stop.operation)
            #expect(stage.eventually { stage.hasEnded(operation) })
            guard case .taskState(.exited)? = try memory(9 << 20).refusal else {
                Issue.record("not refused")
                return
            }
        }
    }
}
