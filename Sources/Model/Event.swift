// The events, in the order of their revisions.

/// One change of a pod, a task or an operation, as `/v1/events` reports it.
package struct Event: Equatable, Sendable {
    package let revision: UInt64
    package let time: Timestamp
    package let kind: Kind
    package let pod: Label
    package let podUID: UID
    package let task: Label?
    package let operation: UID?
    /// The new state.
    package let state: String

    package enum Kind: String, Sendable, CaseIterable {
        case pod, task, operation
        /// The record and all other objects of the pod are gone.
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
