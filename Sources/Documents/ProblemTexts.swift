//  The texts of problems for people, for `/problems/{code}` and in every problem document.

extension ProblemCode {
    /// The same for every occurrence (RFC 9457, section 3.1.3).
    package var title: String {
        switch self {
        case .malformedRequest: "The request is malformed"
        case .malformedJSON: "The body is not JSON"
        case .tooDeep: "The body is nested too deeply"
        case .notFound: "There is no such path"
        case .podUnknown: "There is no such pod"
        case .taskUnknown: "There is no such task"
        case .operationUnknown: "There is no such operation"
        case .methodNotAllowed: "The path does not allow this method"
        case .notAcceptable: "No accepted media type is available"
        case .specConflict: "The name is in use with another spec"
        case .podDeleting: "The pod is being deleted"
        case .taskDeleting: "The task is being deleted"
        case .podState: "The pod is in the wrong state"
        case .taskState: "The task is in the wrong state"
        case .notCancelable: "The operation cannot be canceled"
        case .notAbandonable: "The step cannot be abandoned"
        case .operationExpired: "The operation is no longer kept"
        case .eventsExpired: "The events are no longer kept"
        case .uidMismatch: "The name belongs to another uid"
        case .preconditionFailed: "The object has changed"
        case .bodyTooLarge: "The body is too large"
        case .documentTooLarge: "The pod would be too large"
        case .unsupportedMediaType: "The media type of the body is not supported"
        case .invalidDocument: "The document is invalid"
        case .notSupported: "The request is not supported here"
        case .operationIDReused: "The operation id is already used"
        case .rootfsMissing: "The rootfs does not exist"
        case .rootfsNotDirectory: "The rootfs is not a directory"
        case .rootfsRefused: "The rootfs cannot be mounted"
        case .userUnknown: "The rootfs has no such user"
        case .mountSourceMissing: "The source of a mount does not exist"
        case .mountSourceNotShared: "The source of a mount is not shared on the host"
        case .mountTargetRefused: "The target of a mount cannot be used"
        case .logPathRefused: "The log file cannot be opened"
        case .deviceRefused: "A device cannot be given to the task"
        case .seccompProfileRefused: "The task's seccomp profile cannot be used"
        case .cgroupParentMissing: "The pod's cgroup parent does not exist"
        case .runtimeRefused: "The runtime or the kernel refused"
        case .initTaskFailed: "An init task of the pod failed"
        case .networkUnknown: "There is no such network"
        case .networkDeleting: "The network is being deleted"
        case .networkInUse: "Pods have addresses of the network"
        case .networkConfigured: "A file defines the network"
        case .subnetTaken: "The subnet is in use"
        case .addressTaken: "The address is in use"
        case .addressesExhausted: "The network has no free address"
        case .addressRefused: "The network does not have this address"
        case .portTaken: "The host port is in use"
        case .networkRefused: "The network of the pod cannot be used as it is"
        case .networkFailed: "The network of the pod failed"
        case .sysctlRefused: "The kernel refused a sysctl"
        case .tooManyPods: "There are too many pods"
        case .tooManyOperations: "The pod has too many open operations"
        case .shimFailed: "The shim of the pod failed"
        case .execLost: "The end of the exec is unknown"
        case .execEnded: "The exec has ended"
        case .portRefused: "The port of the pod took no connection"
        case .internalFault: "Internal error of the daemon"
        case .transferCodingUnknown: "The transfer coding is not known"
        case .tooManyWaits: "Too many streams are open"
        case .starting: "The daemon is starting"
        case .storeFull: "The store is full"
        case .dataDirectoryUnusable: "The data directory cannot be used"
        case .runtimeUnavailable: "Pods and tasks cannot be created now"
        case .statisticsUnavailable: "The kernel does not tell what it counts"
        }
    }
}

extension ProblemCode {
    /// What the problem means, in a sentence or two.
    package var description: String {
        switch self {
        case .malformedRequest: "The query, a header or the path does not follow the contract."
        case .malformedJSON:
            "The body is not valid JSON: it is incomplete, names a member twice, or has bytes "
                + "after its end."
        case .tooDeep: "Objects and arrays are nested more than 64 levels deep."
        case .notFound: "The API has no such path."
        case .podUnknown:
            "No pod has this name, and the daemon remembers no deleted pod of this name."
        case .taskUnknown:
            "The pod has no task of this name, and the daemon remembers no deleted task of this "
                + "name."
        case .operationUnknown:
            "No operation has this id, and the id is too new for its operation to be forgotten."
        case .methodNotAllowed:
            "The path exists, but not with this method. The Allow header names its methods."
        case .notAcceptable:
            "The Accept header excludes every media type that the server has for this answer."
        case .specConflict:
            "A pod or task of this name exists with another spec. The member errors points at each "
                + "difference."
        case .podDeleting:
            "A pod of this name is being deleted. The name is free when the delete operation has "
                + "ended."
        case .taskDeleting:
            "A task of this name is being deleted. The name is free when the delete operation has "
                + "ended."
        case .podState: "The state of the pod does not allow this request."
        case .taskState:
            "The state of the task does not allow this request: a running task cannot be started, "
                + "and a task that does not run cannot get a signal."
        case .notCancelable: "Only a create operation that has not ended can be canceled."
        case .notAbandonable:
            "Only a step that waits for a network plugin can be abandoned, once, with a reason. "
                + "The detail says what the step is, or by which reason it was abandoned."
        case .operationExpired:
            "The operation id is older than the operations that are kept, or older than the boot "
                + "of the host. The operation may have been carried out."
        case .eventsExpired: "The revision is older than the oldest event that is kept."
        case .uidMismatch:
            "The daemon does not know the uid in the request. The name belongs to the uid in the "
                + "member currentUid."
        case .preconditionFailed:
            "The If-Match header does not name the current uid and revision of the object."
        case .bodyTooLarge: "A body may have at most 1 MiB."
        case .documentTooLarge:
            "With this request, the spec of the pod and its tasks, defaults filled in, would have "
                + "more than 1 MiB. Nothing was changed."
        case .unsupportedMediaType:
            "The media type of a body must be application/json. A PATCH may also use "
                + "application/merge-patch+json."
        case .invalidDocument:
            "The body is valid JSON, but its content is not valid. The member errors points at "
                + "each fault."
        case .notSupported:
            "The contract allows the request, but this version or this host does not support a "
                + "part of it. The member errors points at each such part."
        case .operationIDReused: "Another request already used this Operation-Id."
        case .rootfsMissing: "The path of the rootfs does not exist."
        case .rootfsNotDirectory: "The path of the rootfs names a file that is not a directory."
        case .rootfsRefused: "The kernel refused to mount the rootfs."
        case .userUnknown:
            "The member user names a user or group that is missing in /etc/passwd or /etc/group "
                + "of the rootfs."
        case .mountSourceMissing: "The path of the source of a mount does not exist."
        case .mountSourceNotShared:
            "A mount has the propagation 'shared', but its source is not on a shared mount of the "
                + "host. The detail names both mounts."
        case .logPathRefused:
            "The file that log.path names cannot be opened or made. The detail says why. An open "
                + "log goes on in its former file."
        case .mountTargetRefused:
            "A mount target or the cwd cannot be created, because its path leads through an "
                + "endless chain of links, over another mount, or into the source of a bind mount "
                + "that does not contain it. If /dev, /proc and /sys of a rootfs exist, they must "
                + "be directories."
        case .deviceRefused:
            "The host has no such device, or its place in the task is in a mount."
        case .seccompProfileRefused:
            "The file that the member seccomp names cannot be read, or is not a profile in the "
                + "format of Docker or of the runtime-spec."
        case .cgroupParentMissing:
            "No cgroup hierarchy of the host has the cgroup that the member cgroupParent names. "
                + "Staunch never makes it, and others may remove it at any time."
        case .runtimeRefused:
            "The runtime refused to create or start the task, or the kernel refused the limits of "
                + "the pod. The detail quotes their error message."
        case .initTaskFailed:
            "An init task ended with something else than 0, and is not restarted, so the pod's "
                + "other tasks cannot start. The detail names the task and its exit."
        case .networkUnknown:
            "No network has this name, and the daemon remembers no deleted network of this name."
        case .networkDeleting:
            "A network of this name is being deleted. The name is free when the delete operation "
                + "has ended."
        case .networkConfigured:
            "The network is of the mode 'cni': a file in the configuration directory of network "
                + "plugins defines it, and the API neither makes nor deletes it."
        case .networkInUse:
            "A network cannot be deleted while a pod has an address of it. Nothing was changed."
        case .subnetTaken:
            "The subnet overlaps another network's subnet, or a route of the host. The detail "
                + "names it."
        case .addressTaken: "Another pod has the address. The detail names the pod."
        case .addressesExhausted:
            "Pods have all addresses of the network, or all 1,023 ports that a bridge has."
        case .addressRefused:
            "The address is not in the network's subnet, or it belongs to the network itself, to "
                + "its bridge, or to all its hosts."
        case .portTaken:
            "Another pod or a program of the host has the host port. The detail names it."
        case .networkRefused:
            "The network's configuration is faulty, needs a plugin that the host does not have, or "
                + "has no plugin for what the pod asks of it. The detail names the file."
        case .networkFailed:
            "The kernel refused to make the network, the interface of the pod or its host ports, "
                + "or a plugin failed. The detail quotes the error."
        case .sysctlRefused:
            "The kernel does not have this sysctl in the namespaces of the pod, or does not accept "
                + "its value. The detail names it and quotes the error."
        case .tooManyPods: "The number of pods on the host has reached its limit."
        case .tooManyOperations:
            "The number of open operations of the pod has reached its limit. Nothing was recorded. "
                + "This limit never refuses stops and deletes."
        case .shimFailed:
            "The shim, the process that holds the sandbox of the pod, could not be started, or it "
                + "has died."
        case .execLost:
            "The process that kept the exec was killed, or the shim of the pod has died. All "
                + "processes of the exec are killed. They may have run."
        case .execEnded:
            "The exec has no stream any more. Its operation tells how it ended."
        case .portRefused:
            "No process of the pod listens on this port of the loopback addresses, or the pod is "
                + "about to end. The detail quotes the error."
        case .internalFault:
            "This is a bug in the daemon. The log contains the id that the detail names."
        case .transferCodingUnknown:
            "The Transfer-Encoding header names a coding other than chunked, or a coding with "
                + "parameters."
        case .tooManyWaits: "The number of clients that follow the events has reached its limit."
        case .starting: "The daemon still reads its records. Nothing is lost."
        case .storeFull: "The memory for the records is full. Existing records stay."
        case .dataDirectoryUnusable:
            "The kernel refuses an overlay whose upper layer is in the daemon's data directory. "
                + "Nothing was recorded. Existing pods go on, and deletes work."
        case .runtimeUnavailable:
            "The runtime, the seccomp profile or the shim's program cannot be used. The detail "
                + "says why. Nothing was recorded. Stops, deletes and reads work."
        case .statisticsUnavailable:
            "The helper that reads what the kernel counts has not answered within a second, or "
                + "could not be started. Pods and other reads are not affected."
        }
    }
}

extension ProblemCode {
    /// What a client or operator can do about the problem; `nil` if there is nothing.
    package var hint: String? {
        switch self {
        case .malformedRequest: "See /openapi.json for the form of the request."
        case .malformedJSON: "The detail names the line and the column, unless the body is empty."
        case .notFound: "See /openapi.json for all paths."
        case .notAcceptable: "Accept one of the media types that the detail names."
        case .specConflict: "Delete the existing pod or task first, or choose another name."
        case .podDeleting: "Wait for the operation, then try again."
        case .taskDeleting: "Wait for the operation, then try again."
        case .notAbandonable: "Read the operation. A step that does not wait ends by itself."
        case .notCancelable: "To undo a create that has ended, delete the pod or task that it made."
        case .eventsExpired: "List the pods, then follow the events from the revision of that list."
        case .operationExpired:
            "Read the pod or task of the request to see its state. A new request needs another id. "
                + "If the clock was set back, use a UUID of version 4, because it contains no time."
        case .preconditionFailed: "Read the object again, then decide again."
        case .operationIDReused:
            "Make a new UUID for each request. Repeat a UUID only with the same method, path and "
                + "body."
        case .documentTooLarge: "Remove labels, annotations or tasks of the pod first."
        case .initTaskFailed:
            "The log of the task is gone with the pod. To keep it, give the task a log.path."
        case .userUnknown: "Use numeric ids, or add the name to the rootfs."
        case .networkDeleting: "Wait for the operation, then try again."
        case .networkInUse: "Delete the pods of the network first."
        case .networkConfigured: "Change or remove the file, or choose another name."
        case .subnetTaken: "Choose another subnet, or leave it out: the daemon then chooses one."
        case .addressTaken: "Choose another address, or leave it out: the daemon then chooses one."
        case .addressesExhausted: "Delete a pod of the network, or make a larger network."
        case .portTaken: "Choose another hostPort, or end the program that has it."
        case .mountSourceNotShared:
            "Make the mount shared with `mount --make-shared`, or ask for another propagation."
        case .logPathRefused:
            "Make the directory of the file, without symbolic links below the --log-root, and keep "
                + "anything but a regular file from its place."
        case .sysctlRefused: "Leave the sysctl out, or write a value that sysctl(8) accepts."
        case .tooManyPods: "Delete a pod, or wait until a pod is gone."
        case .tooManyOperations:
            "Wait until an operation of the pod has ended, then send the request again."
        case .execEnded: "Read the exec with GET."
        case .portRefused: "Try again when the process listens."
        case .internalFault: "Report the bug with the lines of the log that contain the id."
        case .transferCodingUnknown: "Send the body with a Content-Length header, or chunked."
        case .tooManyWaits: "Close an event stream, or try again later."
        case .starting: "Try again in a second."
        case .dataDirectoryUnusable:
            "Choose another --data-dir, or mount a file system there. The daemon checks the "
                + "directory again with each refused request."
        case .runtimeUnavailable:
            "Repair the part that the detail names, then send the request again. The daemon needs "
                + "no restart."
        case .statisticsUnavailable: "Try again in a second."
        case .storeFull: "Delete pods, or enlarge the tmpfs of the run directory."
        case .tooDeep, .podUnknown, .taskUnknown, .operationUnknown, .methodNotAllowed,
            .podState, .taskState, .uidMismatch, .bodyTooLarge,
            .unsupportedMediaType, .invalidDocument, .notSupported, .rootfsMissing,
            .rootfsNotDirectory, .rootfsRefused, .mountSourceMissing,
            .mountTargetRefused, .deviceRefused, .seccompProfileRefused, .runtimeRefused,
            .cgroupParentMissing, .networkUnknown, .networkRefused, .addressRefused,
            .networkFailed, .shimFailed, .execLost:
            nil
        }
    }
}
