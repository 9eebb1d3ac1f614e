// The events, in the order of their revisions.

/// One change of a pod, a task or an operation, as `/v1/events` reports it.
package struct Event: Equatable, Sendable {
    /// The value of the global counter at the change. It orders the events.
    package let revision: UInt64
    /// The wall clock at the change, for display.
    package let time: Timestamp
    /// The kind of the changed object, or its removal.
    package let kind: Kind
    /// The name of the pod that changed, or that the task or the operation belongs to.
    package let pod: Label
    /// The incarnation of the pod.
    package let podUID: UID
    /// The name of the task; `nil` for a change of the whole pod.
    package let task: Label?
    /// The operation that caused the change; `nil` if none did.
    package let operation: UID?
    /// The new state.
    package let state: String

    /// The kind of an event, as clients read it.
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
