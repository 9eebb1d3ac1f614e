// The metrics' series that are known before any event.
//
// If a counter appeared only with its first event, `increase()` over it would be 0, and an alert
// would miss that event. So each counter exists with the value 0 from the daemon's start.

import Documents
import Metrics
import Model

extension Metrics {
    func exportKnownSeries() {
        let kinds = OperationKind.allCases.map(\.rawValue)
        let outcomes = OperationState.allCases.filter(\.hasEnded).map(\.rawValue)
        let steps = StepName.allCases.map(\.text)
        operationsStarted.expect(kinds.map { [$0] })
        operationsEnded.expect(kinds.flatMap { kind in outcomes.map { [kind, $0] } })
        stepRetries.expect(steps.flatMap { step in errnos.map { [step, $0] } })
        stepsAbandoned.expect(RemovalStep.allCases.filter(\.canBeAbandoned).map { [$0.rawValue] })
        stepDuration.expect(steps.map { [$0] })
        orphansRemoved.expect(ResourceKind.allCases.map { [$0.rawValue] })
        dataDirectoryUsable.set(1)  // until the kernel has refused
        storeFailures.expect(["full", "corrupt", "schema", "other"].map { [$0] })
    }

    /// The errnos that the alerts explain. Any other errno appears with its first step.
    private var errnos: [String] {
        ["none", "EBUSY", "ENOSPC", "EROFS", "EIO", "EMFILE", "ENOMEM", "EAGAIN"]
    }
}
