// Creates while something that they need is broken: new ones are refused, accepted ones wait.

import Documents
import Host
import Model
import Simulation
import Store
import Testing

@testable import Engine

extension Simulated {
    @Suite struct RefusalTests {
        let stage: Stage

        init() throws { stage = try Stage() }

        private func spoil() {
            stage.host.assume { $0.refusal = "the profile is torn" }
        }

        private func repair() { stage.host.assume { $0.refusal = nil } }

        private func create(_ name: String, _ id: UID? = nil) -> Stage.Answer {
            stage.ask { () throws(Refusal) in
                let spec = PodSpec(
                    hostname: name, tasks: [TaskSpec(name: label("app"), rootfs: "/r", args: ["x"])]
                )
                return try stage.engine.createPod(label(name), spec, stage.context(id))
            }
        }

        private func now(_ operation: PodOperation) -> PodOperation? {
            guard case .found(let now) = stage.engine.operation(operation.id) else { return nil }
            return now
        }

        @Test("a create is refused before it is recorded, but a retry of a recorded one is not")
        func refused() throws {
            let ready = try stage.makePod("ready")
            let id = UID(high: 7, low: 7)
            let accepted = create("first", id).operation
            #expect(accepted != nil)
            spoil()
            #expect(create("second").refusal == .runtimeUnavailable("the profile is torn"))
            #expect(stage.engine.pod(label("second")) == nil)
            #expect(create("first", id).operation?.id == id)
            #expect(create("first").operation?.id == id)
            let task = stage.ask { () throws(Refusal) in
                try stage.engine.createTask(
                    ready.name, TaskSpec(name: label("app"), rootfs: "/r", args: ["x"]),
                    stage.context())
            }
            #expect(task.refusal == .runtimeUnavailable("the profile is torn"))
            let delete = stage.delete(ready.name)
            let operation = try #require(delete.operation)
            #expect(stage.eventually { stage.hasEnded(operation) })
            repair()
            #expect(create("second").operation != nil)
        }

        @Test("a store that refuses a change is told apart from a fault, which has its cause")
        func store() {
            stage.disk.refuse(.full)
            #expect(create("web").refusal == .storeFull)
            stage.disk.refuse(.other(code: 10, message: "disk I/O error"))
            let cause = #"the store: other(code: 10, message: "disk I/O error")"#
            #expect(create("web").refusal == .fault(cause: cause))
            stage.disk.refuse(nil)
            #expect(create("web").operation != nil)
            // The API logs a fault, with the id that the client gets.
            #expect(stage.log.count { $0.contains("level=error") } == 1)
        }

        @Test("a recursively read-only bind is not judged while the runtime is unknown")
        func features() {
            stage.host.assume { info in
                info.refusal = "the runtime has not been looked at yet"
                info.runtimes[0].recursiveReadOnly = false
            }
            #expect(
                create("web").refusal
                    == .runtimeUnavailable("the runtime has not been looked at yet"))
        }

        @Test("a pod has the runtime that it names, and is refused for that one alone")
        func runtimes() throws {
            stage.host.assume { info in
                info.runtimes.append(RuntimeInfo(name: "crun", path: "/crun"))
                info.runtimes[1].refusal = "crun hangs"
            }
            func create(_ name: String, _ runtime: String?) -> Stage.Answer {
                stage.ask { () throws(Refusal) in
                    var spec = PodSpec(hostname: name)
                    spec.runtime = runtime
                    return try stage.engine.createPod(label(name), spec, stage.context())
                }
            }
            let unknown = create("web", "kata").refusal
            guard case .documentFaults(let faults)? = unknown else {
                Issue.record("\(String(describing: unknown))")
                return
            }
            #expect(faults.faults.map { "\($0.pointer)" } == ["/runtime"])
            #expect(faults.faults.first?.detail.hasSuffix("'runc', 'crun'") == true)
            #expect(create("web", "crun").refusal == .runtimeUnavailable("crun hangs"))
            #expect(create("plain", nil).operation != nil)
            #expect(stage.engine.pod(label("plain"))?.spec.runtime == "runc", "it is recorded")
            stage.host.assume { $0.runtimes[1].refusal = nil }
            let made = try #require(create("web", "crun").operation)
            #expect(stage.eventually { stage.hasEnded(made) })
            #expect(stage.engine.pod(label("web"))?.spec.runtime == "crun")
            // A request without the member agrees with any; another name does not.
            #expect(create("web", nil).refusal == nil)
            guard case .specConflict(_, let differences, _)? = create("web", "runc").refusal else {
                Issue.record("no conflict")
                return
            }
            #expect(differences.map { "\($0.pointer)" } == ["/runtime"])
        }

        @Test("a pod whose runtime left the settings takes no task, and is deleted as ever")
        func runtimeLeft() throws {
            let app = TaskSpec(name: label("app"), rootfs: "/r", args: ["x"])
            let spec = PodSpec(hostname: "web", tasks: [app])
            let made = stage.ask { () throws(Refusal) in
                try stage.engine.createPod(label("web"), spec, stage.context())
            }
            let operation = try #require(made.operation)
            #expect(stage.eventually { stage.hasEnded(operation) })
            let late = stage.ask { () throws(Refusal) in
                try stage.engine.createTask(
                    label("web"), TaskSpec(name: label("late"), rootfs: "/r", args: ["x"]),
                    stage.context())
            }
            let accepted = try #require(late.operation)
            let before = stage.host.info.runtimes
            stage.host.assume { $0.runtimes = [RuntimeInfo(name: "crun", path: "/crun")] }
            #expect(stage.eventually { now(accepted)?.stalled?.why == "no runtime runc" })
            stage.host.assume { $0.runtimes = before }
            #expect(stage.eventually { stage.hasEnded(accepted) })
            #expect(now(accepted)?.state == .succeeded)
            stage.host.assume { $0.runtimes = [RuntimeInfo(name: "crun", path: "/crun")] }
            let task = stage.ask { () throws(Refusal) in
                try stage.engine.createTask(
                    label("web"), TaskSpec(name: label("more"), rootfs: "/r", args: ["x"]),
                    stage.context())
            }
            guard case .runtimeUnavailable(let why)? = task.refusal else {
                Issue.record("\(String(describing: task.refusal))")
                return
            }
            #expect(why.contains("runc"))
            let delete = stage.delete(label("web"))
            let removal = try #require(delete.operation)
            #expect(stage.eventually { stage.hasEnded(removal) })
            #expect(now(removal)?.state == .succeeded)
        }

        @Test("a create whose cgroup parent is gone fails for that, and a missing one is refused")
        func cgroupParent() throws {
            func create(_ name: String, _ parent: String) -> Stage.Answer {
                stage.ask { () throws(Refusal) in
                    var spec = PodSpec(hostname: name)
                    spec.cgroupParent = parent
                    return try stage.engine.createPod(label(name), spec, stage.context())
                }
            }
            #expect(create("web", "/none").refusal == .cgroupParentMissing("/none"))
            let world = stage.world
            let accepted = try #require(create("web", World.parent).operation)
            world.hasParent = false
            #expect(stage.eventually { stage.hasEnded(accepted) })
            #expect(now(accepted)?.error?.cause == .known(.cgroupParentMissing))
            #expect(stage.engine.pod(label("web")) == nil)
            #expect(create("web", World.parent).refusal == .cgroupParentMissing(World.parent))
        }

        @Test("an accepted create waits, reports the reason, and continues after the repair")
        func waits() throws {
            let operation = try #require(create("web").operation)
            spoil()
            #expect(
                stage.eventually { now(operation)?.stalled?.why == "the profile is torn" })
            #expect(now(operation)?.steps.first?.state == .waiting)
            #expect(now(operation)?.state == .running)
            repair()
            #expect(stage.eventually { stage.hasEnded(operation) })
            #expect(now(operation)?.stalled == nil)
        }

        @Test("a delete cancels a waiting create")
        func givesWay() throws {
            let operation = try #require(create("web").operation)
            spoil()
            #expect(stage.eventually { now(operation)?.stalled != nil })
            let delete = stage.delete(label("web"))
            let removal = try #require(delete.operation)
            #expect(stage.eventually { stage.hasEnded(removal) })
            #expect(now(removal)?.state == .succeeded)
            #expect(now(operation)?.state == .canceled)
        }
    }
}
