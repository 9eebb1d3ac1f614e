//  One table of all reasons for which a request is refused or an operation fails.

/// The stable identifier of a problem, with its status and whether a retry helps.
package enum ProblemCode: String, Sendable, CaseIterable {
    case malformedRequest = "malformed-request"
    case malformedJSON = "malformed-json"
    case tooDeep = "too-deep"
    case notFound = "not-found"
    case podUnknown = "pod-unknown"
    case taskUnknown = "task-unknown"
    case operationUnknown = "operation-unknown"
    case methodNotAllowed = "method-not-allowed"
    case notAcceptable = "not-acceptable"
    case specConflict = "spec-conflict"
    case podDeleting = "pod-deleting"
    case taskDeleting = "task-deleting"
    case podState = "pod-state"
    case taskState = "task-state"
    case notCancelable = "not-cancelable"
    case notAbandonable = "not-abandonable"
    case operationExpired = "operation-expired"
    case eventsExpired = "events-expired"
    case uidMismatch = "uid-mismatch"
    case preconditionFailed = "precondition-failed"
    case bodyTooLarge = "body-too-large"
    case documentTooLarge = "document-too-large"
    case unsupportedMediaType = "unsupported-media-type"
    case invalidDocument = "invalid-document"
    case notSupported = "not-supported"
    case operationIDReused = "operation-id-reused"
    case rootfsMissing = "rootfs-missing"
    case rootfsNotDirectory = "rootfs-not-directory"
    case rootfsRefused = "rootfs-refused"
    case userUnknown = "user-unknown"
    case mountSourceMissing = "mount-source-missing"
    case mountSourceNotShared = "mount-source-not-shared"
    case mountTargetRefused = "mount-target-refused"
    case logPathRefused = "log-path-refused"
    case deviceRefused = "device-refused"
    case seccompProfileRefused = "seccomp-profile-refused"
    case cgroupParentMissing = "cgroup-parent-missing"
    case runtimeRefused = "runtime-refused"
    case initTaskFailed = "init-task-failed"
    case networkUnknown = "network-unknown"
    case networkDeleting = "network-deleting"
    case networkInUse = "network-in-use"
    case networkConfigured = "network-configured"
    case subnetTaken = "subnet-taken"
    case addressTaken = "address-taken"
    case addressesExhausted = "addresses-exhausted"
    case addressRefused = "address-refused"
    case portTaken = "port-taken"
    case networkRefused = "network-refused"
    case networkFailed = "network-failed"
    case sysctlRefused = "sysctl-refused"
    case tooManyPods = "too-many-pods"
    case tooManyOperations = "too-many-operations"
    case shimFailed = "shim-failed"
    case execLost = "exec-lost"
    case execEnded = "exec-ended"
    case portRefused = "port-refused"
    case internalFault = "internal"
    case transferCodingUnknown = "transfer-coding-unknown"
    case tooManyWaits = "too-many-waits"
    case starting = "starting"
    case storeFull = "store-full"
    case dataDirectoryUnusable = "data-directory-unusable"
    case runtimeUnavailable = "runtime-unavailable"
    case statisticsUnavailable = "statistics-unavailable"

    /// The HTTP status.
    package var status: Int {
        switch self {
        case .malformedRequest, .malformedJSON, .tooDeep: 400
        case .notFound, .podUnknown, .taskUnknown, .networkUnknown, .operationUnknown: 404
        case .methodNotAllowed: 405
        case .notAcceptable: 406
        case .specConflict, .podDeleting, .taskDeleting, .podState, .taskState, .execEnded,
            .notCancelable,
            .notAbandonable, .networkDeleting, .networkInUse, .networkConfigured, .subnetTaken,
            .addressTaken,
            .addressesExhausted, .portTaken:
            409
        case .operationExpired, .eventsExpired: 410
        case .uidMismatch, .preconditionFailed: 412
        case .bodyTooLarge, .documentTooLarge: 413
        case .unsupportedMediaType: 415
        case .invalidDocument, .notSupported, .operationIDReused, .rootfsMissing,
            .rootfsNotDirectory, .rootfsRefused, .userUnknown, .mountSourceMissing,
            .mountTargetRefused, .deviceRefused, .seccompProfileRefused, .runtimeRefused,
            .cgroupParentMissing, .addressRefused, .networkRefused, .sysctlRefused,
            .mountSourceNotShared, .logPathRefused, .initTaskFailed:
            422
        case .tooManyPods, .tooManyOperations: 429
        case .shimFailed, .execLost, .networkFailed, .internalFault: 500
        case .transferCodingUnknown: 501
        case .portRefused: 502
        case .tooManyWaits, .starting, .storeFull, .dataDirectoryUnusable, .runtimeUnavailable,
            .statisticsUnavailable:
            503
        }
    }

    /// Whether the same request may succeed later without a change by the client.
    package var retryable: Bool {
        switch self {
        case .podDeleting, .taskDeleting, .networkDeleting, .networkInUse, .addressesExhausted,
            .networkFailed, .tooManyPods, .tooManyOperations, .shimFailed, .initTaskFailed,
            .tooManyWaits, .starting, .storeFull, .dataDirectoryUnusable, .runtimeUnavailable,
            .statisticsUnavailable, .portRefused:
            true
        case .malformedRequest, .malformedJSON, .tooDeep, .notFound, .podUnknown, .taskUnknown,
            .operationUnknown, .methodNotAllowed, .notAcceptable, .specConflict, .podState,
            .taskState, .notCancelable, .notAbandonable, .operationExpired, .eventsExpired,
            .uidMismatch, .execLost, .execEnded,
            .preconditionFailed, .bodyTooLarge, .documentTooLarge, .unsupportedMediaType,
            .invalidDocument, .notSupported, .operationIDReused, .rootfsMissing,
            .rootfsNotDirectory, .rootfsRefused, .userUnknown, .mountSourceMissing,
            .mountTargetRefused, .deviceRefused, .seccompProfileRefused, .runtimeRefused,
            .cgroupParentMissing, .internalFault, .transferCodingUnknown, .networkUnknown,
            .networkConfigured, .subnetTaken, .addressTaken, .addressRefused, .networkRefused,
            .portTaken, .sysctlRefused, .mountSourceNotShared, .logPathRefused:
            false
        }
    }
}
