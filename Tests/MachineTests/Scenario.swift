// What is done to a pod while a process dies, hangs or fails.

import JSON
import Testing

enum Scenario: String, CaseIterable, CustomTestStringConvertible {
    case create
    case createAndStart = "create, then start"
    case stop
    case task = "task.create, task.delete"
    case pause = "task.pause, task.resume"
    case update = "task.update"
    case restart = "create, then restart"
    case order = "create with an init task"
    case exec = "task.exec"
    case stream = "task.exec over a stream"
    case terminal = "task.exec over a WebSocket"
    case forward = "connection to a port"
    case health = "start, then restart of an unhealthy task"
    case checks = "health checks"
    case busyDelete = "delete with an exec, a connection and a check"
    case delete
    case adopt
    case network = "create on a network"
    case networkDelete = "delete on a network"
    case plugins = "create with plugins"
    case pluginsDelete = "delete with plugins"
    case parent = "create below a cgroup parent"
    case parentDelete = "delete below a cgroup parent"

    /// A volume of each medium, and the mounts of both.
    static let volumes = """
        "volumes": {"cache": {}, "scratch": {"medium": "memory", "size": 65536}}
        """
    static let mounts = """
        "mounts": [{"type": "volume", "source": "cache", "target": "/cache"}, \
        {"type": "volume", "source": "scratch", "target": "/scratch"}]
        """

    /// What the tasks share: a PID namespace, sysctls, and names.
    static let surroundings = """
        "sharePID": true, "sysctls": {"net.core.somaxconn": "77", "kernel.shmmni": "99"}, \
        "shmSize": 65536, "hosts": [{"ip": "10.0.0.1", "names": ["db"]}]
        """

    /// The pod, with one of everything that a pod may have.
    static func pod(_ rootfs: Rootfs, _ more: String = mounts) -> String {
        rootfs.pod(script, more, podMore: "\(volumes), \(surroundings)")
    }

    struct Step {
        let method: String
        let path: String
        var body: String?
        /// If set, the step is repeated until its answer is so.
        var until: (@Sendable (Answer) -> Bool)?
        /// If set, the client upgrades the connection, and talks over it to its end.
        var upgrade: Upgrade?
    }

    /// Ends with 3 the first time, and then is as `script`.
    static let restartedScript = "[ -e /mark ] || { echo >/mark; exit 3; }; " + script
    static let restarts = """
        "restart": {"policy": "always", "backoff": {"initial": 0.02, "max": 0.02}}
        """

    /// Ends with 4 when it runs for the first time, and with a greater code later.
    private static let execBody = """
        {"args": ["sh", "-c", \
        "n=$(($(cat /n 2>/dev/null || echo 3) + 1)); echo $n >/n; echo hello; exit $n"], \
        "stdin": "x", "timeout": 60}
        """

    /// Whether the task has been restarted, or never will be.
    @Sendable private static func isRestarted(_ task: Answer) -> Bool {
        guard task.status == 200 else { return task.status == 404 }
        let isOver = task.state == "exited" && task["nextStartAt"] == .null
        return isOver || task.state == "running" && task["attempt"]?.integer ?? 0 > 1
    }

    /// Prints `up` once it can be stopped, and then ends with 7.
    static let script = "trap 'exit 7' TERM; echo up; sleep 100000 & wait"

    var testDescription: String { rawValue }

    /// The pod of a scenario, with one of everything that such a pod may have.
    func pod(_ rootfs: Rootfs) -> String {
        if let pod = streamPod(rootfs) { return pod }
        if usesParent {
            let parent = "\"cgroupParent\": \(quoted(Scenario.parent(of: rootfs)))"
            return rootfs.pod(Scenario.script, podMore: parent)
        }
        if self == .restart {
            return rootfs.pod(
                Scenario.restartedScript, "\(Scenario.mounts), \(Scenario.restarts)",
                podMore: "\(Scenario.volumes), \(Scenario.surroundings)")
        }
        if self == .order {
            let app = rootfs.task(Scenario.script, Scenario.mounts)
            let tasks = "\"app\": \(app), \"setup\": \(Scenario.setup(rootfs))"
            return "{\"tasks\": {\(tasks)}, \(Scenario.volumes), \(Scenario.surroundings)}"
        }
        guard usesNetwork || usesPlugins else { return Scenario.pod(rootfs) }
        let published = """
            "ports": [{"hostPort": 8080, "containerPort": 80}, {"hostPort": 5353, "containerPort": \
            53, "protocol": "udp", "hostIP": "127.0.0.1"}]
            """
        let network =
            usesPlugins
            ? rootfs.onPlugins(#""name": "podnet", \#(published)"#)
            : rootfs.onBridge(#""name": "net", \#(published)"#)
        return rootfs.pod(Scenario.script, podMore: network)
    }

    /// An init task that notes each of its runs in the pod's volume, and fails if it has run to its
    /// end before.
    private static func setup(_ rootfs: Rootfs) -> String {
        rootfs.task(
            "[ ! -e /cache/done ] || exit 9; sleep 0.05; echo >/cache/done",
            "\(mounts), \"init\": true")
    }

    /// The limits that a task.update changes: the member, the controller, the files of v1 and v2,
    /// and the values before and after it. Only what the host can limit.
    static let changes = [
        ("cpuShares", "cpu", "cpu.shares", "cpu.weight", ["1024", "100"], ["512", "20"], 512),
        ("pids", "pids", "pids.max", "pids.max", ["4096"], ["60"], 60),
        (
            "memory", "memory", "memory.limit_in_bytes", "memory.max",
            ["9223372036854771712", "max"], ["67108864"], 67_108_864
        ),
    ].filter { Controllers.has($0.1) }

    private static let patch =
        "{\"resources\": {"
        + changes.map { "\"\($0.0)\": \($0.6)" }.joined(separator: ", ") + "}}"

    /// The network of the scenarios on a network.
    static let networkSpec = #"{"subnet6": "fd88::/64", "isolate": true}"#

    /// Whether the pod is on a network of ours.
    var usesNetwork: Bool { self == .network || self == .networkDelete }

    /// Whether the pod is on a network of plugins.
    var usesPlugins: Bool { self == .plugins || self == .pluginsDelete }

    /// Whether the pod's tasks are below a cgroup of another program's.
    var usesParent: Bool { self == .parent || self == .parentDelete }

    /// That cgroup, for the daemon with this rootfs.
    static func parent(of rootfs: Rootfs) -> String {
        let home = rootfs.path.split(separator: "/")[1]
        return "/foreign-\(home)/pod"
    }

    /// Whether a pod exists before.
    var hasPod: Bool {
        switch self {
        case .create, .createAndStart, .restart, .order, .network, .plugins, .parent: false
        case .stop, .task, .pause, .exec, .stream, .terminal, .forward, .health, .checks,
            .busyDelete, .update, .delete, .adopt, .networkDelete, .pluginsDelete, .parentDelete:
            true
        }
    }

    /// Whether the scenario deletes the pod.
    var deletesPod: Bool {
        [.delete, .busyDelete, .networkDelete, .pluginsDelete, .parentDelete].contains(self)
    }

    /// Whether the scenario ends the pod's task, with exit code 7.
    var endsTask: Bool { self == .stop || deletesPod }

    /// The requests, one after another. There are none if the daemon starts anew.
    func steps(_ name: String, _ rootfs: Rootfs) -> [Step] {
        let pod = "/v1/pods/\(name)"
        if let steps = streamSteps(pod) { return steps }
        let create = Step(method: "PUT", path: pod, body: Scenario.pod(rootfs))
        switch self {
        case .create: return [create]
        case .createAndStart:
            let input = #""start": false, "stdin": true, "tty": true"#
            let waiting = Scenario.pod(rootfs, "\(Scenario.mounts), \(input)")
            return [
                Step(method: "PUT", path: pod, body: waiting),
                Step(method: "POST", path: pod + "/tasks/app/start", body: "{}"),
            ]
        case .stop: return [Step(method: "POST", path: pod + "/stop", body: #"{"grace": 60}"#)]
        case .task:
            let path = pod + "/tasks/extra"
            return [
                Step(
                    method: "PUT", path: path, body: rootfs.task(Scenario.script, Scenario.mounts)),
                Step(method: "DELETE", path: path + "?grace=0"),
            ]
        case .pause:
            return ["pause", "resume"].map { verb in
                Step(method: "POST", path: "\(pod)/tasks/app/\(verb)")
            }
        case .exec:
            return [Step(method: "POST", path: pod + "/tasks/app/exec", body: Scenario.execBody)]
        case .update:
            return [Step(method: "PATCH", path: pod + "/tasks/app", body: Scenario.patch)]
        case .restart:
            return [
                Step(method: "PUT", path: pod, body: self.pod(rootfs)),
                Step(method: "GET", path: pod + "/tasks/app", until: Scenario.isRestarted),
            ]
        case .order, .plugins, .parent:
            return [Step(method: "PUT", path: pod, body: self.pod(rootfs))]
        case .delete, .pluginsDelete, .parentDelete:
            return [Step(method: "DELETE", path: pod + "?grace=60")]
        case .adopt, .stream, .terminal, .forward, .health, .checks, .busyDelete: return []
        case .network:
            let network = Step(method: "PUT", path: "/v1/networks/net", body: Scenario.networkSpec)
            return [network, Step(method: "PUT", path: pod, body: self.pod(rootfs))]
        case .networkDelete:
            return [
                Step(method: "DELETE", path: pod + "?grace=60"),
                Step(method: "DELETE", path: "/v1/networks/net"),
            ]
        }
    }
}
