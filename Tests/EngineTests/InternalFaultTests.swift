// 500 `internal`: its text promises an id that the log contains as well.

import Documents
import Model
import Store
import Testing

@testable import Engine
@testable import Simulation

extension Simulated {
    struct InternalFaults {
        @Test("a fault of the store is told with an id, and logged with that id and the cause")
        func isLogged() throws {
            let stage = try Stage()
            stage.disk.refuse(.other(code: 10, message: "disk I/O error"))
            let problem = #expect(throws: Problem.self) {
                try stage.engine.createPod(
                    label("web"), PodSpec(hostname: "web"), stage.context())
            }
            stage.disk.refuse(nil)
            #expect(problem?.code == .internalFault)
            let detail = try #require(problem?.detail)
            let id = try #require(detail.firstMatch(of: /\(id ([0-9a-f-]{36})\)/)?.output.1)
            let lines = stage.log.filter { $0.contains("id=\(id)") }
            #expect(lines.count == 1, "\(stage.log)")
            #expect(lines.allSatisfy { $0.contains("level=error") && $0.contains("disk I/O") })
            #expect(detail.contains("disk I/O"))
        }
    }
}
