// The interface of the resources. The audit, the orphan collector and the operations rely on it
// alone, and each kind has one resource.

import Documents
import EventLoop
import Host
import Model
import Synchronization
import Teardown
import Testing

@testable import Engine

extension Simulated {
    @Suite struct ObservationTests {
        let stage: Stage

        init() throws { stage = try Stage() }

        @Test("each kind but namespaces is observed by exactly one resource, with a pod's name")
        func kinds() throws {
            let pod = try stage.makePod("web", task: "app")
            let seen = Mutex<[Observation]?>(nil)
            onLoop { [engine = stage.engine] in
                let found = await engine.observe()
                seen.withLock { $0 = found }
            }
            #expect(stage.eventually { seen.withLock { $0 != nil } })
            let observations = try #require(seen.withLock { $0 })
            #expect(observations.map(\.kind) == ResourceKind.allCases.filter { $0 != .namespaces })
            for observation in observations where observation.kind.isOwed(by: pod) {
                #expect(observation.names.keys.contains("\(pod.uid)"), "\(observation.kind)")
                #expect(observation.unrecorded.isEmpty, "\(observation.kind)")
            }
        }
    }
}
