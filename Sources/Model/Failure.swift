// Why an operation failed.

/// The cause of a failure, for programs. The contract has a code and a status for each.
package enum FailureCause: Sendable, CaseIterable {
    case podUnknown, podState, podDeleting
    case taskUnknown, taskState, taskDeleting
    case rootfsMissing, rootfsNotDirectory, rootfsRefused
    case userUnknown
    case mountSourceMissing, mountSourceNotShared, mountTargetRefused
    case logPathRefused
    case deviceRefused, seccompProfileRefused
    case cgroupParentMissing
    case runtimeRefused
    case initTaskFailed
    case subnetTaken, portTaken, networkUnknown, networkRefused, networkFailed
    case sysctlRefused
    case shimFailed, execLost
}

/// Why an operation or a step failed, in one form for every place that shows it.
package struct Failure: Error, Equatable, Sendable {
    /// A cause that this version knows, or a cause from the record of another version.
    package enum Cause: Equatable, Sendable {
        case known(FailureCause)
        /// From a record of another version: the code and the HTTP status that it contains.
        case recorded(code: String, status: Int)
    }

    /// What programs go by.
    package let cause: Cause
    /// The text for display: what happened, in the words of the program or kernel that refused.
    package let detail: String
    /// The step that failed; `nil` if no step did.
    package let step: StepName?

    package init(cause: Cause, detail: String, step: StepName? = nil) {
        self.cause = cause
        self.detail = detail
        self.step = step
    }

    package init(_ cause: FailureCause, _ detail: String, step: StepName? = nil) {
        self.init(cause: .known(cause), detail: detail, step: step)
    }
}
