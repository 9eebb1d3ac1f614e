// Execs whose shim dies.

import Host
import Model
import ShimProtocol
import Simulation
import Testing

@testable import Engine

extension Simulated {
    struct ExecTests {
        private final class Connection: ExecConnection {
            let stream = WireStream(.frames)
            let passed: [Int32] = []
            func handedOver() {}
        }

        @Test("an exec ends whose shim dies while the exec waits for its client's connection")
        func shimDies() throws {
            let stage = try Stage()
            let pod = try stage.makePod("web", task: "app")
            func state(_ exec: UID) -> OperationState? {
                guard case .found(let found) = stage.engine.operation(exec) else { return nil }
                return found.state
            }
            // This machine injects failures.
            var waiting: (call: ExecCall, exec: UID)?
            for _ in 0..<20 where waiting == nil {
                let call = ExecCall(connecting: ExecSpec(args: ["x"]))
                let answer = stage.ask { () throws(Refusal) in
                    try stage.engine.exec(pod.name, label("app"), call, stage.context())
                }
                stage.pass(milliseconds: 100)
                guard case .accepted(let exec) = answer else { continue }
                if state(exec.id) == .running { waiting = (call, exec.id) }
            }
            let (call, exec) = try #require(waiting)
            try stage.onMachine { $0.killShim(of: pod.uid) }
            #expect(stage.eventually { stage.engine.pod(pod.name)?.state == .lost })
            #expect(state(exec) == .running)
            call.connected(Connection())
            #expect(stage.eventually { state(exec) == .failed })
        }
    }
}
