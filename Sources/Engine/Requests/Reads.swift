// Reads come from memory, and never wait for a mutation.

import Host
import Kernel
import Metrics
package import Model
import Synchronization

extension Engine {
    package func pod(_ name: Label) -> Pod? { registry.state.withLock { $0.pods[name] } }

    /// Returns all pods, in the order of creation.
    package func pods() -> (pods: [Pod], revision: UInt64) {
        let (pods, revision) = registry.state.withLock { ($0.pods, $0.revision) }
        return (pods.values.sorted { $0.uid < $1.uid }, revision)
    }

    /// The ids of the operations that have not ended.
    package var openOperations: [UID] {
        registry.state.withLock { Array($0.operations.ids) }
    }

    /// The numbers of pods, open operations and stalled operations, for a line that people read.
    package var counts: (pods: Int, operations: Int, stalled: Int) {
        registry.state.withLock { state in
            (
                state.pods.count, state.operations.count,
                state.operations.all.count { $0.stalled != nil }
            )
        }
    }

    package var revision: UInt64 { registry.state.withLock { $0.revision } }

    /// Returns a new name for a pod that has none: `pod-` and ten random characters.
    package func freshPodName() -> Label {
        let letters = Array("abcdefghijklmnopqrstuvwxyz0123456789")
        while true {
            let text = "pod-" + String((0..<10).map { _ in letters.randomElement() ?? "x" })
            if let name = Label(text), pod(name) == nil { return name }
        }
    }

    /// Sets the gauges that are computed from memory, before a scrape.
    package func updateMetrics() {
        let (pods, open) = registry.state.withLock { ($0.pods, Array($0.operations.all)) }
        for state in PodState.allCases {
            metrics.pods.set(Double(pods.values.count { $0.state == state }), state.rawValue)
        }
        for name in ["creating", "created", "running", "paused", "exited", "deleting"] {
            let count = pods.values.reduce(0) { sum, pod in
                sum + pod.tasks.count { $0.state.name == name }
            }
            metrics.tasks.set(Double(count), name)
        }
        let unhealthy = pods.values.reduce(0) { sum, pod in
            sum + pod.tasks.count { $0.state.process != nil && $0.health?.state == .unhealthy }
        }
        metrics.tasksUnhealthy.set(Double(unhealthy))
        metrics.podsStalled.set(Double(pods.values.count { $0.stalled != nil }))
        metrics.operationsRunning.replace(
            open.map { [$0.kind.rawValue, $0.currentStep?.text ?? "none"] })
        metrics.operationsStalled.replace(
            open.compactMap { operation in
                operation.stalled.map { [operation.kind.rawValue, $0.step.text] }
            })
        let oldest = open.map(\.createdAt.milliseconds).min() ?? 0
        metrics.oldestOperation.set(Double(oldest) / 1000)
    }
}
