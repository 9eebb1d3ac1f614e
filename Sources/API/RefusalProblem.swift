// The engine's refusals as problem documents. Only this file chooses a refusal's code, which has
// the HTTP status, and its words.

import Documents
import Engine
import Host
import JSON
import Model

extension Call {
    /// Asks the engine, and turns its refusal into a problem.
    func ask<Answer>(_ question: (Engine) throws(Refusal) -> Answer) throws(Problem) -> Answer {
        do { return try question(engine) } catch {
            throw Problem(error, instance: instance, engine.log)
        }
    }
}

private let logHasNoPath =
    "the task's log has no path of the client's: the daemon rotates its files"

extension Problem {
    /// The problem for a refusal of the engine. A fault is logged.
    init(_ refusal: Refusal, instance: String, _ log: Log) {
        switch refusal {  // no `default`: a new case must choose its code here
        case .podUnknown(let name):
            self.init(.podUnknown, "no pod \(name)", instance: instance)
        case .taskUnknown(let name):
            self.init(.taskUnknown, "no task \(name)", instance: instance)
        case .operationUnknown(let id):
            self.init(.operationUnknown, "no operation \(id)", instance: instance)
        case .operationExpired(let why):
            self.init(.operationExpired, why, instance: instance)
        case .operationIDReused(let id):
            let detail = "operation \(id) was another request"
            self.init(.operationIDReused, detail, instance: instance, operation: id)
        case .eventsExpired(let revision):
            let detail = "events after \(revision) are no longer all kept"
            self.init(.eventsExpired, detail, instance: instance)
        case .uidMismatch(let name, let uid):
            self.init(.uidMismatch, "\(name) is \(uid) now", instance: instance, currentUid: uid)
        case .conditionFailed(let tag):
            let detail = "the entity tag is \(tag ?? "none: there is no such thing")"
            self.init(.preconditionFailed, detail, instance: instance)
        case .podDeleting(let name, let delete):
            let detail = "\(name) is being deleted"
            self.init(.podDeleting, detail, instance: instance, operation: delete)
        case .taskDeleting(let name, let delete):
            let detail = "\(name) is being deleted"
            self.init(.taskDeleting, detail, instance: instance, operation: delete)
        case .podState(let state):
            self.init(.podState, "the pod is \(state.rawValue)", instance: instance)
        case .taskState(let state):
            self.init(.taskState, "the task is \(state.name)", instance: instance)
        case .logHasNoPath: self.init(.taskState, logHasNoPath, instance: instance)
        case .specConflict(let name, let differences, let operation):
            let detail = "\(name) exists with another spec"
            self.init(
                .specConflict, detail, instance: instance, operation: operation,
                errors: differences)
        case .network(let refusal):
            self.init(refusal, instance: instance)
        case .notAbandonable(let why):
            self.init(.notAbandonable, why, instance: instance)
        case .notCancelable(let id, let kind, let state):
            let detail = "\(kind.rawValue) is \(state.rawValue)"
            self.init(.notCancelable, detail, instance: instance, operation: id)
        case .documentFaults(let faults):
            self.init(faults, instance: instance)
        case .cgroupParentMissing(let path):
            let fault = DocumentFault(
                pointer: .root.appending("cgroupParent"), detail: "no cgroup hierarchy has \(path)")
            self.init(.cgroupParentMissing, fault.detail, instance: instance, errors: [fault])
        case .documentTooLarge(let pod, let bytes, let limit):
            let detail = "\(pod) would have \(bytes) bytes of \(limit) at most"
            self.init(.documentTooLarge, detail, instance: instance)
        case .tooManyPods(let limit):
            self.init(.tooManyPods, "\(limit) pods are allowed", instance: instance)
        case .tooManyTasks(let limit):
            self.init(.podState, "a pod has at most \(limit) tasks", instance: instance)
        case .tooManyOperations(let limit):
            let detail = "\(limit) operations of this pod have not ended"
            self.init(.tooManyOperations, detail, instance: instance)
        case .runtimeUnavailable(let why):
            self.init(.runtimeUnavailable, why, instance: instance)
        case .dataDirectoryUnusable(let why):
            self.init(.dataDirectoryUnusable, why, instance: instance)
        case .storeFull:
            self.init(.storeFull, "the run directory is full", instance: instance)
        case .fault(let cause):
            self = log.fault(cause, instance: instance)
        }
    }
}
