// What happened, in the order of the revisions.

/// One change of a pod, a task or an operation, as `/v1/events` tells it.
package struct Event: Equatable, Sendable {
    package let revision: UInt64
    package let time: Timestamp
    package let kind: Kind
    package let pod: Label
    package let podUID: UID
    package let task: Label?
    package let operation: UID?
    /// The state that was entered.
    package let state: String

    package enum Kind: String, Sendable, CaseIterable {
        case pod, task, operation
        /// The record is gone, and so is everything else of it.
        case podGone = "pod.gone"
        case taskGone = "task.gone"
    }

    package init(
        revision: UInt64, time: Timestamp, kind: Kind, pod: Label, podUID: UID,
        task: Label? = nil, operation: UID? = nil, state: String
    ) {
        self.revision = revision
        self.time = time
        self.kind = kind
        self.pod = pod
        self.podUID = podUID
        self.task = task
        self.operation = operation
        self.state = state
    }
}
