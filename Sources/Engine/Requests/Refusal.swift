// Why the engine refuses a request. A refusal contains the facts. The API chooses the status and
// the words (API/RefusalProblem.swift).

package import Documents
package import Model

package enum Refusal: Error, Equatable, Sendable {
    // MARK: The object is unknown, or is another

    case podUnknown(Label)
    case taskUnknown(Label)
    case operationUnknown(UID)
    /// The operation is no longer kept, or may have been, with the reason.
    case operationExpired(String)
    /// The id belongs to another request.
    case operationIDReused(UID)
    /// Some events after this revision are no longer kept.
    case eventsExpired(after: UInt64)
    /// The name does not belong to the uid of the request.
    case uidMismatch(Label, current: UID)
    /// A condition of the request does not hold. The entity tag is `nil` if there is no object.
    case conditionFailed(entityTag: String?)

    // MARK: The state does not allow the request

    case podDeleting(Label, operation: UID?)
    case taskDeleting(Label, operation: UID?)
    case podState(PodState)
    case taskState(TaskState)
    /// The daemon rotates the task's log by itself.
    case logHasNoPath
    /// A pod or task of this name has another spec. `operation` is that of the pod, if it has one.
    case specConflict(Label, differences: [DocumentFault], operation: UID? = nil)
    case network(NetworkRefusal)
    case notCancelable(UID, OperationKind, OperationState)
    /// The step of the operation cannot be given up, with the reason.
    case notAbandonable(String)

    // MARK: The request is too large, or not for this host

    case documentFaults(DocumentFaults)
    /// No hierarchy has the cgroup that the pod names as its parent.
    case cgroupParentMissing(String)
    case documentTooLarge(Label, bytes: Int, limit: Int)
    case tooManyPods(limit: Int)
    case tooManyTasks(limit: Int)
    /// Too many operations of the pod have not ended.
    case tooManyOperations(limit: Int)

    // MARK: The daemon cannot do it now

    /// Creates are refused, with the reason.
    case runtimeUnavailable(String)
    /// No task can be made in the data directory, with the reason.
    case dataDirectoryUnusable(String)
    case storeFull
    /// A fault of the daemon. The engine does not log it, because the API logs it together with
    /// the id that the client gets.
    case fault(cause: String)
}
