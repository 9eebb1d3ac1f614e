// The requests of a client.

import Documents
import Engine
import JSON
import Model

enum Request {
    case create(Label, PodSpec)
    case delete(Label, UID?, grace: Int64?)
    case stop(Label, grace: Int64?, release: Bool)
    case createTask(Label, TaskSpec)
    case deleteTask(Label, Label, grace: Int64?)
    case stopTask(Label, Label, grace: Int64?)
    case startTask(Label, Label)
    case signalTask(Label, Label)
    case exec(Label, Label)
    case pauseTask(Label, Label)
    case resumeTask(Label, Label)
    case reopenLog(Label, Label)
    case limit(Label, Int64)
    case limitTask(Label, Label, Int64)
    case cancel(UID)
    case abandon(UID)
    case createNetwork(Label, NetworkSpec)
    case deleteNetwork(Label)

    func send(to engine: Engine, _ context: RequestContext) throws(Refusal) -> MutationResult {
        switch self {
        case .create(let name, let spec): try engine.createPod(name, spec, context)
        case .delete(let name, let uid, let grace):
            try engine.deletePod(name, uid: uid, grace: grace, allowMissing: true, context)
        case .stop(let name, let grace, let release):
            try engine.stopPod(name, grace: grace, release: release, context)
        case .createTask(let pod, let spec): try engine.createTask(pod, spec, context)
        case .deleteTask(let pod, let task, let grace):
            try engine.deleteTask(
                pod, task, uid: nil, grace: grace, allowMissing: true, context)
        case .stopTask(let pod, let task, let grace):
            try engine.stopTask(pod, task, grace: grace, context)
        case .startTask(let pod, let task): try engine.startTask(pod, task, context)
        case .signalTask(let pod, let task): try engine.signalTask(pod, task, .kill, context)
        case .exec(let pod, let task):
            try engine.exec(pod, task, ExecCall(ExecSpec(args: ["x"]), wake: {}), context)
        case .pauseTask(let pod, let task): try engine.pauseTask(pod, task, context)
        case .resumeTask(let pod, let task): try engine.resumeTask(pod, task, context)
        case .reopenLog(let pod, let task): try engine.reopenLog(pod, task, context)
        case .limit(let pod, let bytes):
            try engine.patchPod(pod, patch(memory: bytes), context)
        case .limitTask(let pod, let task, let bytes):
            try engine.patchTask(pod, task, patch(of: task, memory: bytes), context)
        case .cancel(let id): try engine.cancel(id, context)
        case .abandon(let id):
            try engine.abandon(id, .networkDetach, reason: "gone", context)
        case .createNetwork(let name, let spec): try engine.createNetwork(name, spec, context)
        case .deleteNetwork(let name):
            try engine.deleteNetwork(name, uid: nil, allowMissing: true, context)
        }
    }

    var words: String {
        switch self {
        case .create(let name, let spec):
            "create \(name) on \(spec.network) with "
                + "\(spec.tasks.map { "\($0.name)\($0.start ? "" : " to wait")" })"
        case .createTask(let pod, let spec): "create \(pod)/\(spec.name)"
        case .delete(let name, let uid, let grace):
            "delete \(name) \(uid.map { "\($0)" } ?? "") grace \(grace ?? -1)"
        case .stop, .deleteTask, .stopTask, .startTask, .signalTask, .exec, .pauseTask,
            .resumeTask, .limit, .limitTask, .reopenLog, .cancel,
            .abandon, .createNetwork, .deleteNetwork:
            "\(self)"
        }
    }

    private func patch(memory bytes: Int64) -> PodPatch {
        do {
            let text = "{\"resources\": {\"memory\": \(bytes)}}"
            return try PodPatch.decode(try JSONValue.parse(Array(text.utf8)))
        } catch { preconditionFailure("\(error)") }
    }

    private func patch(of task: Label, memory bytes: Int64) -> TaskPatch {
        do {
            let text = "{\"resources\": {\"memory\": \(bytes)}}"
            return try TaskPatch.decode(try JSONValue.parse(Array(text.utf8)), name: task)
        } catch { preconditionFailure("\(error)") }
    }
}
