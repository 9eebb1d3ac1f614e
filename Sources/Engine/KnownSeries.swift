// The metrics' series that can be known before anything has happened.
//
// A counter that appears with its first event has grown from nothing: `increase()` over it is 0,
// and an alert misses its event. So each of them is there with 0 from the daemon's start.

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
        stepDuration.expect(steps.map { [$0] })
        orphansRemoved.expect(ResourceKind.allCases.map { [$0.rawValue] })
        dataDirectoryUsable.set(1)  // until the kernel has said otherwise
        storeFailures.expect(["full", "corrupt", "schema", "other"].map { [$0] })
    }

    /// Those that the alerts explain; any other appears with its first step.
    private var errnos: [String] {
        ["none", "EBUSY", "ENOSPC", "EROFS", "EIO", "EMFILE", "ENOMEM", "EAGAIN"]
    }
}
