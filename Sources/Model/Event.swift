// The events, in the order of their revisions.

package import Kernel

/// One change of an object, or of an operation on it, as `/v1/events` reports it.
package struct Event: Equatable, Sendable {
    /// The value of the global counter at the change. It orders the events.
    package let revision: UInt64
    /// The wall clock at the change, for display.
    package let time: Timestamp
    /// The object that changed, or the object of the operation that changed.
    package let target: Target
    /// The change.
    package let change: Change

    /// A change of an object, or of an operation on it.
    package enum Change: Equatable, Sendable {
        /// The object has this new state.
        case state(String)
        /// The attempt of a task runs.
        case started(attempt: UInt32)
        /// An attempt of a task has ended.
        case exited(AttemptExit)
        /// A task has become healthy or unhealthy. The action is that of its spec.
        case health(HealthChange, HealthSpec.Action)
        /// The record and all other objects of the target are gone.
        case gone
        /// The operation has this new state.
        case operation(UID, OperationState)
    }

    package init(revision: UInt64, time: Timestamp, target: Target, change: Change) {
        self.revision = revision
        self.time = time
        self.target = target
        self.change = change
    }
}
