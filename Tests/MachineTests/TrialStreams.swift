// What must follow from a fault for execs' streams, connections to ports and health checks.

import Foundation
import JSON
import Testing

extension Trial {
    /// The client was told the truth over the stream of an exec, or nothing.
    func check(_ dialogue: Dialogue, _ exec: Answer) {
        guard dialogue.status == 101 else { return }
        let isUnharmed = !mayFail && !hasEndedDaemon && !hasRestartedDaemon
        hold(dialogue.isWhole || mayFail, "a frame was cut: \(dialogue)")
        let code = exec["exec", "exitCode"]?.integer
        guard let told = dialogue.exitCode else {
            return hold(!isUnharmed, "the client was told no exit code: \(exec.reply.text)")
        }
        // A WebSocket has no other word for a signal.
        hold(told == 4 || told > 128 && code == nil, "the client was told \(told)")
        let expected = scenario == .terminal ? "x\r\nhello\r\n" : "x\nhello\n"
        hold(
            told != 4 || dialogue.text.hasSuffix(expected) || !isUnharmed,
            "the output of an exec that has ended with 4: \(dialogue.text)")
    }

    /// What came back is what was sent, or the beginning of that.
    func checkPortDialogue() throws {
        guard scenario == .forward, let dialogue = portDialogue else { return }
        let sent = "early late\n"
        hold(sent.hasPrefix(dialogue.text), "the port has sent: \(dialogue.text)")
        let mayBeCut = mayFail || hasEndedDaemon || hasRestartedDaemon
        hold(dialogue.text == sent || mayBeCut, "the connection was cut: \(dialogue)")
        try eventually("no helper of a connection is left", within: 10) {
            daemon.forwarders.isEmpty
        }
    }

    /// A fault of a check is no more than a failed check: the checks go on.
    func checkHealth() throws {
        guard !hasEndedShim, try task("app").state == "running" else { return }
        if scenario == .health { return try awaitHealth(of: "app", "healthy", from: 2) }
        try awaitHealth(of: "web", "healthy")
        let web = try task("web")
        hold(web["attempt"] == .integer(1), "a check has ended a task: \(web.reply.text)")
        let output = web["health", "output"]
        hold(output?.string?.isEmpty != true, "a failed check without a reason")
        for state in ["unhealthy", "healthy"] { try awaitHealth(of: "app", state) }
    }

    func awaitHealth(of task: String, _ state: String, from attempt: Int64 = 1) throws {
        try eventually("\(task) is \(state)") {
            let seen = try self.task(task)
            let isLater = seen["attempt"]?.integer ?? 0 >= attempt
            return isLater && seen["health", "state"]?.string == state
        }
    }

    private func task(_ task: String) throws -> Answer {
        try client.send("GET", "/v1/pods/\(name)/tasks/\(task)")
    }

    /// Each change of a task's health has one event.
    func checkChanges(_ events: [JSONValue]) {
        var last: [String: String] = [:]
        for event in events {
            guard let kind = event["kind"]?.string, kind.hasSuffix("healthy"),
                let task = event["task"]?.string, let attempt = event["attempt"]?.integer
            else { continue }
            let former = last.updateValue(kind, forKey: "\(task), attempt \(attempt)")
            hold(former != kind, "\(kind) twice: \(task), attempt \(attempt)")
        }
    }
}

/// A stream of an exec, one of the task, and a connection to a port that are open when their pod is
/// deleted.
final class HeldConnections {
    private let task: ExecClient
    private let exec: ExecClient
    private let port: Wire

    /// Writes to the task's output until its client has heard that.
    private static let script = """
        until [ -e /heard ]; do echo there >/proc/1/fd/1; sleep 0.02; done; echo up; exec cat
        """

    init(_ daemon: Daemon, _ pod: String) throws {
        let app = "/v1/pods/\(pod)/tasks/app"
        task = try ExecClient(daemon.socket, app + "/attach", .frames, nil)
        exec = try ExecClient(
            daemon.socket, app + "/exec", .frames,
            #"{"args": ["sh", "-c", \#(quoted(HeldConnections.script))]}"#)
        try task.read(until: "there")
        let heard = try Client(daemon.socket).send(
            "POST", app + "/exec", #"{"args": ["touch", "/heard"]}"#)
        guard heard.status == 200 else { throw Broken("no exec: \(heard.reply.text)") }
        try exec.read(until: "up")
        port = try Wire(path: daemon.socket)
        try port.send(
            "POST /v1/pods/\(pod)/forward?port=80 HTTP/1.1\r\nHost: localhost\r\n"
                + "Connection: Upgrade\r\nUpgrade: tcp\r\n\r\nup")
        guard try port.receiveHead()?.status == 101, try port.take(2) == Array("up".utf8) else {
            throw Broken("no connection to the port")
        }
        try eventually("a check hangs") { daemon.sleepers("100001") == 1 }
    }

    /// Reads all to their ends. Returns whether the exec's operation has ended.
    func end(_ client: Client) throws -> Bool {
        for stream in [exec, task] {
            do { while try stream.receive() != nil {} } catch let cut as Broken
                where cut.isCutShort
            {}
        }
        while try port.takeByte() != nil {}
        return ["succeeded", "failed"].contains(try client.follow(exec.id, within: 10).state)
    }
}
