// What scenarios with streams, connections to ports and health checks do, and their pods.

import Foundation
import JSON

extension Scenario {
    /// The scenarios of this file. Without STAUNCH_TEST_SCENARIOS=all, a short run takes two of
    /// them, which vary between runs.
    private static let varied: [Scenario] = [
        .stream, .terminal, .forward, .health, .checks, .busyDelete,
    ]

    static let taken = allCases.filter(\.isTaken)

    var isTaken: Bool {
        let asked = ProcessInfo.processInfo.environment["STAUNCH_TEST_SCENARIOS"]
        guard !Installation.isDeep, Enumeration.only == nil, asked != "all",
            let place = Scenario.varied.firstIndex(of: self)
        else { return true }
        return (place + Seed.value) % 3 == 0
    }

    /// Whether a fault may restart the task, or the scenario itself does.
    var restartsTask: Bool { self == .restart || self == .health }

    /// Whether the scenario is about an exec, which is cut with what it depends on.
    var isExec: Bool { [.exec, .stream, .terminal].contains(self) }

    /// Whether the tasks are checked.
    var hasChecks: Bool { [.health, .checks].contains(self) }

    /// Listens on port 80, and then is as `script`.
    private static let serverScript = """
        nc -ll -p 80 -e cat & until grep -q ':0050 ' /proc/net/tcp /proc/net/tcp6; do sleep 0.01; \
        done; \(script)
        """

    /// Every other attempt is unhealthy, beginning with the first one.
    private static let healthScript = """
        trap 'exit 7' TERM; if [ -e /bad ]; then rm /bad; else echo >/bad; fi; echo up; \
        sleep 100000 & wait
        """

    /// Checks that end one way and the other by turns.
    private static let flip = "if [ -e /x ]; then rm /x; else echo >/x; echo bad; false; fi"

    private static func health(_ check: String, _ more: String = "") -> String {
        """
        "health": {\(check), "interval": 0.1, "timeout": 20, "retries": 1\(more)}
        """
    }

    private static func exec(_ script: String) -> String {
        #""exec": {"args": ["sh", "-c", \#(quoted(script))]}"#
    }

    /// Answers each request for its path.
    private static func web(_ rootfs: Rootfs) -> String {
        rootfs.task(
            #"""
            printf '#!/bin/sh\nwhile read line && [ ${#line} != 1 ]; do :; done\n' >/reply
            echo "printf 'HTTP/1.1 204 Fine\r\n\r\n'" >>/reply
            chmod 755 /reply
            exec nc -ll -p 8080 -e /reply
            """#, health(#""http": {"port": 8080, "path": "/"}"#))
    }

    /// The pod of a scenario of this file; `nil` for another one.
    func streamPod(_ rootfs: Rootfs) -> String? {
        switch self {
        case .forward: return rootfs.pod(Scenario.serverScript)
        case .busyDelete:
            return rootfs.pod(
                Scenario.serverScript,
                Scenario.health(Scenario.exec("echo hangs; exec sleep 100001"))
                    + #", "stdin": true"#)
        case .health:
            let task =
                Scenario.health(Scenario.exec("[ ! -e /bad ]"), #", "onFailure": "restart""#)
                + #", "gracePeriod": 0.1, "start": false, "#
            return rootfs.pod(
                Scenario.healthScript,
                task + #""restart": {"backoff": {"initial": 0.02, "max": 0.02}}"#)
        case .checks:
            // The runtime starts the checks of such a task, and the shim those of other scenarios.
            let app = rootfs.task(
                Scenario.script,
                Scenario.health(Scenario.exec(Scenario.flip)) + #", "env": {"HOME": ""}"#)
            return "{\"tasks\": {\"app\": \(app), \"web\": \(Scenario.web(rootfs))}}"
        default: return nil
        }
    }

    /// Ends with 4 when it runs for the first time, and with a greater code later, after it has
    /// copied its input. Without the end of its input it ends at its timeout.
    private static func streamBody(isTerminal: Bool) -> String {
        """
        {"args": ["sh", "-c", \
        "n=$(($(cat /n 2>/dev/null || echo 3) + 1)); echo $n >/n; cat; echo hello; exit $n"], \
        "timeout": 10\(isTerminal ? ", \"tty\": true" : "")}
        """
    }

    /// The steps of a scenario of this file; `nil` for another one.
    func streamSteps(_ pod: String) -> [Step]? {
        let app = pod + "/tasks/app"
        switch self {
        case .stream, .terminal:
            let body = Scenario.streamBody(isTerminal: self == .terminal)
            let framing: Framing = self == .stream ? .frames : .webSocket
            return [
                Step(method: "POST", path: app + "/exec", body: body, upgrade: .exec(framing))
            ]
        case .forward:
            return [Step(method: "POST", path: pod + "/forward?port=80", upgrade: .port)]
        case .busyDelete: return [Step(method: "DELETE", path: pod + "?grace=60")]
        case .health:
            return [
                Step(method: "POST", path: app + "/start", body: "{}"),
                Step(method: "GET", path: app, until: { Scenario.isOver($0, "healthy", from: 2) }),
            ]
        case .checks:
            return ["unhealthy", "healthy", "unhealthy"].map { state in
                Step(method: "GET", path: app, until: { Scenario.isOver($0, state, from: 1) })
            }
        default: return nil
        }
    }

    /// Whether the task has this health in this attempt or a later one, or never will.
    @Sendable private static func isOver(
        _ task: Answer, _ health: String, from attempt: Int64
    ) -> Bool {
        guard task.status == 200 else { return task.status == 404 }
        switch task.state {
        case "created": return true
        case "exited": return task["nextStartAt"] == .null
        default:
            return task["health", "state"]?.string == health
                && task["attempt"]?.integer ?? 0 >= attempt
        }
    }
}
