//  The failures of operations by the contract's codes, in documents and in records.

package import Model

extension ProblemCode {
    package init(_ cause: FailureCause) {
        self =
            switch cause {
            case .podUnknown: .podUnknown
            case .podState: .podState
            case .podDeleting: .podDeleting
            case .taskUnknown: .taskUnknown
            case .taskState: .taskState
            case .taskDeleting: .taskDeleting
            case .rootfsMissing: .rootfsMissing
            case .rootfsNotDirectory: .rootfsNotDirectory
            case .rootfsRefused: .rootfsRefused
            case .userUnknown: .userUnknown
            case .mountSourceMissing: .mountSourceMissing
            case .mountSourceNotShared: .mountSourceNotShared
            case .mountTargetRefused: .mountTargetRefused
            case .logPathRefused: .logPathRefused
            case .deviceRefused: .deviceRefused
            case .seccompProfileRefused: .seccompProfileRefused
            case .cgroupParentMissing: .cgroupParentMissing
            case .runtimeRefused: .runtimeRefused
            case .initTaskFailed: .initTaskFailed
            case .subnetTaken: .subnetTaken
            case .portTaken: .portTaken
            case .networkUnknown: .networkUnknown
            case .networkRefused: .networkRefused
            case .networkFailed: .networkFailed
            case .sysctlRefused: .sysctlRefused
            case .shimFailed: .shimFailed
            case .execLost: .execLost
            }
    }
}

extension Failure {
    /// The stable part, for programs.
    package var code: String {
        switch cause {
        case .known(let cause): ProblemCode(cause).rawValue
        case .recorded(let code, _): code
        }
    }

    /// The HTTP status.
    package var status: Int {
        switch cause {
        case .known(let cause): ProblemCode(cause).status
        case .recorded(_, let status): status
        }
    }

    /// A failure as a record contains it. A code or a status of another version stays as it is.
    package init(code: String, status: Int, detail: String, step: StepName? = nil) {
        let known = FailureCause.allCases.first {
            ProblemCode($0).rawValue == code && ProblemCode($0).status == status
        }
        self.init(
            cause: known.map(Cause.known) ?? .recorded(code: code, status: status),
            detail: detail, step: step)
    }
}
