// What is done to a pod while a process dies, hangs or fails.

import Testing

enum Scenario: String, CaseIterable, CustomTestStringConvertible {
    case create
    case createAndStart = "create, then start"
    case stop
    case task = "task.create, task.delete"
    case delete
    case adopt

    struct Step {
        let method: String
        let path: String
        var body: String?
    }

    /// Prints `up` once it can be stopped, and then ends with 7.
    static let script = "trap 'exit 7' TERM; echo up; sleep 100000 & wait"

    var testDescription: String { rawValue }

    /// Whether a pod exists before.
    var hasPod: Bool {
        switch self {
        case .create, .createAndStart: false
        case .stop, .task, .delete, .adopt: true
        }
    }

    /// Whether the scenario ends the pod's task, with exit code 7.
    var endsTask: Bool { self == .stop || self == .delete }

    /// The requests, one after another. There are none if the daemon starts anew.
    func steps(_ name: String, _ rootfs: Rootfs) -> [Step] {
        let pod = "/v1/pods/\(name)"
        let create = Step(method: "PUT", path: pod, body: rootfs.pod(Scenario.script))
        switch self {
        case .create: return [create]
        case .createAndStart:
            let waiting = rootfs.pod(Scenario.script, #""start": false"#)
            return [
                Step(method: "PUT", path: pod, body: waiting),
                Step(method: "POST", path: pod + "/tasks/app/start", body: "{}"),
            ]
        case .stop: return [Step(method: "POST", path: pod + "/stop", body: #"{"grace": 60}"#)]
        case .task:
            let path = pod + "/tasks/extra"
            return [
                Step(method: "PUT", path: path, body: rootfs.task(Scenario.script)),
                Step(method: "DELETE", path: path + "?grace=0"),
            ]
        case .delete: return [Step(method: "DELETE", path: pod + "?grace=60")]
        case .adopt: return []
        }
    }
}
