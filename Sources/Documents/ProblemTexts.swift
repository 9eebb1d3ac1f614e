//  The texts of problems for people, for `/problems/{code}` and for every problem document.

extension ProblemCode {
    /// The same for every occurrence (RFC 9457, section 3.1.3).
    package var title: String {
        switch self {
        case .malformedRequest: "The request is malformed"
        case .malformedJSON: "The body is not JSON"
        case .tooDeep: "The body nests too deeply"
        case .notFound: "No such path"
        case .podUnknown: "No such pod"
        case .taskUnknown: "No such task"
        case .operationUnknown: "No such operation"
        case .methodNotAllowed: "The path does not know this method"
        case .notAcceptable: "Nothing here has a media type that is accepted"
        case .specConflict: "The name has another spec"
        case .podDeleting: "The pod is being deleted"
        case .taskDeleting: "The task is being deleted"
        case .podState: "The pod is in the wrong state"
        case .taskState: "The task is in the wrong state"
        case .notCancelable: "The operation cannot be canceled"
        case .operationExpired: "The operation is no longer kept"
        case .eventsExpired: "The events are no longer kept"
        case .uidMismatch: "The name belongs to another"
        case .preconditionFailed: "The object has changed"
        case .bodyTooLarge: "The body is too large"
        case .documentTooLarge: "The pod would be too large"
        case .unsupportedMediaType: "The body has another media type"
        case .invalidDocument: "The document is invalid"
        case .notSupported: "Not supported by this version"
        case .operationIDReused: "The operation id has been used"
        case .rootfsMissing: "The rootfs is not there"
        case .rootfsNotDirectory: "The rootfs is no directory"
        case .rootfsRefused: "The rootfs cannot be mounted"
        case .userUnknown: "The rootfs has no such user"
        case .mountSourceMissing: "The source of a mount is not there"
        case .mountTargetRefused: "The rootfs has no place for a mount"
        case .runtimeRefused: "The runtime refused"
        case .tooManyPods: "There are too many pods"
        case .tooManyOperations: "The pod has too many open operations"
        case .shimFailed: "The sandbox failed"
        case .internalFault: "A fault of the daemon"
        case .transferCodingUnknown: "The transfer coding is not known"
        case .tooManyWaits: "Too many streams are open"
        case .starting: "The daemon is starting"
        case .storeFull: "The store is full"
        case .dataDirectoryUnusable: "No task can be made in the data directory"
        case .runtimeUnavailable: "Nothing can be created now"
        }
    }
}

extension ProblemCode {
    /// The meaning of the problem, in one or two sentences.
    package var description: String {
        switch self {
        case .malformedRequest: "The query, a header or the path is not what the contract says."
        case .malformedJSON:
            "The body is no JSON text: it is cut short, names a member twice, or has bytes "
                + "after its end."
        case .tooDeep: "Objects and arrays nest over 64 levels."
        case .notFound: "No route has this path."
        case .podUnknown: "No pod has this name, and none that had it is remembered."
        case .taskUnknown: "The pod has no task of this name, and none that had it is remembered."
        case .operationUnknown:
            "No operation has this id, and none that old would have been forgotten."
        case .methodNotAllowed: "The path exists; the Allow header names its methods."
        case .notAcceptable:
            "The Accept header leaves out every type in which the answer could be written."
        case .specConflict:
            "Something of this name exists and was asked for with another spec; errors "
                + "points at each difference."
        case .podDeleting:
            "A pod of this name is being deleted; its name is free when the operation has "
                + "ended."
        case .taskDeleting:
            "A task of this name is being deleted; its name is free when the operation has "
                + "ended."
        case .podState: "The pod is in a state in which this cannot be done."
        case .taskState:
            "The task is in a state in which this cannot be done: what runs cannot be "
                + "started, what does not run gets no signal."
        case .notCancelable: "Only a create that has not ended can be canceled."
        case .operationExpired:
            "The id is older than what is kept, or older than the boot of the host: what it "
                + "asked for may have been done."
        case .eventsExpired: "The revision is older than the oldest event that is kept."
        case .uidMismatch:
            "The uid in the request was never known, and the name belongs to the uid in "
                + "currentUid."
        case .preconditionFailed:
            "The If-Match header names another uid or revision than the one of now."
        case .bodyTooLarge: "A body may have 1 MiB."
        case .documentTooLarge:
            "With what was asked for, the spec of the pod and its tasks, defaults filled in, would "
                + "have more than 1 MiB; nothing was changed."
        case .unsupportedMediaType:
            "A body must be application/json; that of a PATCH may be "
                + "application/merge-patch+json."
        case .invalidDocument:
            "The body is JSON and asks for what cannot be; errors points at each fault."
        case .notSupported:
            "The contract has everything that is refused, and this version or this host does not "
                + "do it; errors points at each."
        case .operationIDReused: "Another request has used this Operation-Id."
        case .rootfsMissing: "No file has the path of the rootfs."
        case .rootfsNotDirectory: "The path of the rootfs names something else than a directory."
        case .rootfsRefused: "The kernel refused to mount the rootfs."
        case .userUnknown:
            "A name in user stands in neither /etc/passwd nor /etc/group of the rootfs."
        case .mountSourceMissing: "No file has the path of the source of a mount."
        case .mountTargetRefused:
            "A target or the cwd leads where nothing may be made: through a link that has no end, "
                + "over another mount, or into a bind mount's source that does not have it. /dev, "
                + "/proc and /sys of a rootfs must be directories, or missing."
        case .runtimeRefused:
            "The runtime refused to make or start the task, or the kernel refused the pod's "
                + "limits; the detail has their own words."
        case .tooManyPods: "The host has as many pods as it may have."
        case .tooManyOperations:
            "As many operations of the pod have not ended as may be open at once; nothing was "
                + "recorded. Stops and deletes are never refused for it."
        case .shimFailed:
            "The process that is the sandbox of the pod could not be started, or has died."
        case .internalFault: "This is a bug; the id in the detail stands in the log as well."
        case .transferCodingUnknown:
            "The Transfer-Encoding header names another coding than chunked, or one with "
                + "parameters."
        case .tooManyWaits: "As many clients follow the events as may do so at once."
        case .starting: "The records are being read; nothing is lost."
        case .storeFull: "The memory that holds the records is used up; what is recorded stays."
        case .dataDirectoryUnusable:
            "The kernel makes no overlay with its upper layer in the daemon's data directory; "
                + "nothing was recorded. What is there goes on, and is deleted as ever."
        case .runtimeUnavailable:
            "The runtime, the seccomp profile or the shim's program cannot be used; the detail "
                + "says why. Nothing was recorded. Stops, deletes and reads work."
        }
    }
}

extension ProblemCode {
    /// What the reader can do about the problem; `nil` if there is no advice.
    package var hint: String? {
        switch self {
        case .malformedRequest: "See /openapi.json for what the request may look like."
        case .malformedJSON: "The detail has the line and the column, unless there is no body."
        case .notFound: "See /openapi.json for the paths there are."
        case .notAcceptable: "Accept one of the types that the detail names."
        case .specConflict: "Delete it first, or choose another name."
        case .podDeleting: "Wait for the operation, then try again."
        case .taskDeleting: "Wait for the operation, then try again."
        case .notCancelable: "To undo a create that has ended, delete what it made."
        case .eventsExpired: "List the pods, and follow the events from the revision of the list."
        case .operationExpired:
            "Look at what the request was about. A new one needs another id; if the clock was "
                + "set back, one of version 4, which bears no time."
        case .preconditionFailed: "Read the object again and decide anew."
        case .operationIDReused:
            "Make a new UUID for each request, and repeat it only with the same method, "
                + "path and body."
        case .documentTooLarge: "Remove labels, annotations or tasks of the pod first."
        case .userUnknown: "Give numbers, or add the name to the rootfs."
        case .tooManyPods: "Delete a pod, or wait until one is gone."
        case .tooManyOperations: "Wait for the pod's operations, then send the request again."
        case .internalFault: "Report it with the lines of the log that bear the id."
        case .transferCodingUnknown: "Send the body plainly: with a Content-Length, or chunked."
        case .tooManyWaits: "Close a stream, or try again later."
        case .starting: "Try again in a second."
        case .dataDirectoryUnusable:
            "The operator of the host chooses another --data-dir, or mounts a file system there; "
                + "it is looked at again with each refused request."
        case .runtimeUnavailable:
            "Mend what the detail names, and send the request again: it is looked at again without "
                + "a restart."
        case .storeFull: "Delete pods, or give the tmpfs of the run directory more room."
        case .tooDeep, .podUnknown, .taskUnknown, .operationUnknown, .methodNotAllowed,
            .podState, .taskState, .uidMismatch, .bodyTooLarge,
            .unsupportedMediaType, .invalidDocument, .notSupported, .rootfsMissing,
            .rootfsNotDirectory, .rootfsRefused, .mountSourceMissing,
            .mountTargetRefused, .runtimeRefused,
            .shimFailed:
            nil
        }
    }
}
