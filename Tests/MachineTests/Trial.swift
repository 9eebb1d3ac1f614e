// One pod, one scenario, one failpoint: the fault there, and the state that must follow (LAWS.md).

import Census
import Foundation
import Glibc
import JSON
import Testing

final class Trial {
    let daemon: Daemon
    let client: Client
    let plan: Plan
    let scenario: Scenario
    let kinds: Plan.Kinds
    let action: Plan.Action
    let name: String
    /// The expectations that did not hold.
    private(set) var faults: [String] = []
    private(set) var fired: Plan.Fired?
    /// The processes that fired, because a trial may have two.
    private var all: [Plan.Fired] = []
    /// The chosen failpoint, counted from 1.
    private(set) var target = 0
    /// How many failpoints were reached.
    private(set) var count = 0
    /// The end of each operation, which never changes (S4).
    private(set) var ends: [String: String] = [:]
    private var since = 0
    /// The client's connections to the pod that is deleted.
    private var held: HeldConnections?
    /// The connection to a port.
    private(set) var portDialogue: Dialogue?
    /// Whether the daemon was killed while another process hung.
    private(set) var hasRestartedDaemon = false

    init(
        _ daemon: Daemon, _ client: Client, _ scenario: Scenario, _ kinds: Plan.Kinds,
        _ action: Plan.Action, name: String
    ) throws {
        guard let plan = daemon.plan else { throw Broken("a daemon without failpoints") }
        self.daemon = daemon
        self.client = client
        self.plan = plan
        self.scenario = scenario
        self.kinds = kinds
        self.action = action
        self.name = name
    }

    func hold(_ condition: Bool, _ what: @autoclosure () -> String) {
        if !condition { faults.append(what()) }
    }

    /// `meanwhile` is called while the fired process waits. If `second` is given, the daemon is
    /// killed once more, at that failpoint of its recovery.
    func run(
        at target: Int, second: Int? = nil, meanwhile: (Conversation?) throws -> Void = { _ in }
    ) throws {
        self.target = second ?? target
        since = Int(try client.send("GET", "/v1/pods")["revision"]?.integer ?? 0)
        if scenario.hasPod { try prepare() }
        let requests: [Conversation.Request]
        if scenario == .adopt {
            requests = []
            daemon.crash()
            try plan.arm(kinds, at: target, action)
            try adopt(meanwhile)
        } else {
            try plan.arm(kinds, at: target, action)
            requests = try converse(meanwhile)
        }
        takeDown()
        if hasEndedDaemon { daemon.crash() }
        if let second { try recover(requests, killedAt: second) }
        if !daemon.isRunning { try daemon.start() }
        for request in requests { try checkEnd(of: request) }
        try checkPod(requests)
        try checkPortDialogue()
        if scenario.hasChecks { try checkHealth() }
        try removePod()
        if let held { hold(try held.end(client), "the exec of a pod that is gone has not ended") }
        held = nil
        try checkNothingLeft()
    }

    func restartDaemon() throws {
        hasRestartedDaemon = true
        try daemon.crashAndRestart()
    }

    private var makesWait: Bool { action == .stall || action == .freeze }

    var hasEndedDaemon: Bool { all.contains { isKilled($0, .daemon) } }

    /// Whether the end of a task may be unseen.
    private var mayBeUnknown: Bool {
        if scenario.restartsTask, all.contains(where: { $0.kind != .daemon }) { return true }
        return all.contains { fired in
            // The exit is stored before it is reaped (law 8).
            let isStored = scenario == .stop && fired.failpoint.hasPrefix("process.reapStored")
            return isKilled(fired, .shim) && (action == .freeze || !isStored)
        }
    }

    var hasEndedShim: Bool { all.contains { isKilled($0, .shim) } }

    /// Whether a request that makes a pod or a task may fail. The daemon's death alone permits no
    /// failure, and neither does a pause.
    var mayFail: Bool {
        switch action {
        case .kill: all.contains { $0.kind != .daemon }
        case .fail, .freeze: !all.isEmpty
        case .stall: false
        }
    }

    private func isKilled(_ fired: Plan.Fired, _ kind: Plan.Kinds) -> Bool {
        action == .freeze || action == .kill && fired.kind == kind
    }

    private func prepare() throws {
        if scenario.usesNetwork {
            let network = try client.putNetwork("net", Scenario.networkSpec)
            guard network.status == 201 else { throw Broken("not made: \(network.reply.text)") }
        }
        let body = scenario.pod(daemon.rootfs)
        // The fault before may have hit the daemon's look at the runtime: it looks again.
        var made = try client.createPod(name, body)
        try eventually("creates are taken") {
            if made.code == "runtime-unavailable" { made = try client.createPod(name, body) }
            return made.code != "runtime-unavailable"
        }
        guard made.status == 201 else { throw Broken("not made: \(made.reply.text)") }
        if scenario == .health { return }
        let log = "\(daemon.logDirectory)/\(made.uid)/app.log"
        try eventually("the trap is set") { text(of: log)?.contains("up") == true }
        if scenario == .checks { try awaitHealth(of: "web", "healthy") }
        if scenario == .busyDelete { held = try HeldConnections(daemon, name) }
    }

    private func converse(
        _ meanwhile: (Conversation?) throws -> Void
    ) throws -> [Conversation.Request] {
        let conversation = Conversation(
            scenario.steps(name, daemon.rootfs), socket: daemon.socket,
            retries: action != .kill && action != .freeze)
        try eventually("a process fires, or the conversation is over", within: 40) {
            plan.fired != nil || conversation.isOver
        }
        if plan.fired != nil, makesWait { try meanwhile(conversation) }
        plan.release()
        try eventually("all is done", within: 70) { conversation.isOver }
        hold(conversation.failure == nil, "the client: \(conversation.failure ?? "")")
        portDialogue = conversation.portDialogue
        return conversation.requests
    }

    /// No process fires any more, and the fired ones are remembered.
    private func takeDown() {
        (fired, count) = (plan.fired, plan.count)
        if let fired { all.append(fired) }
        plan.disarm()
    }

    /// The daemon starts, continues with the objects that it finds, and is killed at failpoint
    /// `target` of that.
    private func recover(_ requests: [Conversation.Request], killedAt target: Int) throws {
        try plan.arm(.daemon, at: target, .kill)
        do {
            try daemon.start()
            for request in requests { _ = try client.follow(request.id, within: 30) }
        } catch is Broken {}
        takeDown()
        if fired != nil { daemon.crash() }
    }

    /// The daemon starts, and finds the pod.
    private func adopt(_ meanwhile: (Conversation?) throws -> Void) throws {
        let executioner = action == .freeze ? Executioner(daemon.marks, plan) : nil
        defer { executioner?.stop() }
        do { try daemon.start() } catch let broken as Broken where plan.fired == nil {
            throw broken
        } catch is Broken { return }
        try eventually("the pod is adopted") {
            do {
                if plan.fired != nil { return true }
                let metrics = try client.send("GET", "/metrics").reply.text
                return metrics.contains("staunch_pods_adopted_total 1")
            } catch is Broken { return plan.fired != nil }
        }
        if plan.fired != nil, action == .stall { try meanwhile(nil) }
        plan.release()
    }
}

extension Trial {
    /// Every operation ends. A request that ends or removes something succeeds. Without a fault in
    /// between, a request that makes something succeeds too (S2).
    private func checkEnd(of request: Conversation.Request) throws {
        guard request.isAccepted != false else { return }
        let ended = try client.follow(request.id, within: 30)
        let what = "\(request.step.method) \(request.step.path)"
        if ended.status == 404 {
            hold(hasEndedDaemon && request.isAccepted == nil, "\(what) is not known any more")
            return
        }
        let state = ended.state ?? "no state"
        let makes =
            ["PUT", "PATCH"].contains(request.step.method)
            || ["/start", "/pause", "/resume"].contains { request.step.path.hasSuffix($0) }
        // The request that reads an exec's output is cut with the daemon.
        let isExec =
            scenario.isExec && (mayFail || hasEndedDaemon || hasRestartedDaemon)
        hold(
            state == "succeeded" || (makes && mayFail || isExec) && state == "failed",
            "\(what) has not succeeded: \(ended.reply.text)")
        if let code = ended["exec", "exitCode"]?.integer {
            hold(code == 4, "an exec that runs once ends with 4: \(ended.reply.text)")
        }
        if let dialogue = request.dialogue { check(dialogue, ended) }
        ends[request.id] = state
        if let exit = ended["exits", "app"] { check(exit, what) }
    }

    /// A name is free if and only if its pod is gone (S6), and what is alive is what is recorded
    /// (S1).
    private func checkPod(_ requests: [Conversation.Request]) throws {
        let pod = try client.send("GET", "/v1/pods/\(name)")
        let first = requests.first { $0.step.path.hasPrefix("/v1/pods/") }.flatMap { ends[$0.id] }
        let isThere =
            scenario.hasPod ? !scenario.deletesPod || first == nil : first == "succeeded"
        hold((pod.status == 200) == isThere, "GET: \(pod.reply.text.prefix(200))")
        guard pod.status == 200 else { return }
        hold(pod.state != "lost" || hasEndedShim, "the pod is lost")
        // The tasks of a dead shim are killed.
        if scenario == .update, !hasEndedShim { checkLimits(pod, isMade: first) }
        if let exit = pod["tasks", "app"], exit["finishedAt"]?.string != nil {
            check(exit, "the pod")
        }
        try eventually("the audit is balanced", within: 10) {
            try client.send("GET", "/v1/audit?fresh=true")["balanced"] == .bool(true)
        }
    }

    /// The kernel has the limits that are recorded: all of the old ones, or all of the new ones.
    private func checkLimits(_ pod: Answer, isMade end: String?) {
        for change in Scenario.changes {
            let (member, controller, v1, v2, old, new, number) = change
            let recorded = pod["tasks", "app"]?["resources"]?[member]?.integer
            let isNew = recorded == Int64(number)
            hold(
                end == nil || isNew == (end == "succeeded"),
                "\(member): \(recorded ?? -1), \(end ?? "")")
            let value = cgroupValue(
                daemon, pod.uid, controller, Controllers.areUnified ? v2 : v1, task: "app")
            hold((isNew ? new : old).contains(value ?? "none"), "\(member): \(value ?? "none")")
        }
    }

    /// The exit is true, or unknown if no process was there to see it (S5).
    private func check(_ exit: JSONValue, _ whose: String) {
        if exit["exitUnknown"] == .bool(true) {
            return hold(mayBeUnknown, "\(whose): the exit is unknown")
        }
        let isRestarted = scenario == .restart && exit["exitCode"]?.integer == 3
        let isSeven = exit["exitCode"]?.integer == 7 || isRestarted
        let isKilled = exit["signal"]?.string == "KILL"
        // Unless the stop was never accepted.
        let mustBeSeven = scenario.endsTask && !mayBeUnknown && !ends.isEmpty
        hold(isSeven || isKilled && !mustBeSeven, "\(whose): the exit is not true: \(exit)")
    }

    private func removePod() throws {
        try deletePod()
        guard scenario.usesNetwork else { return }
        let delete = try client.send("DELETE", "/v1/networks/net?allowMissing=true")
        guard delete.status != 204 else { return }
        let ended = try client.follow(delete.id, within: 30)
        hold(ended.state == "succeeded", "the network's delete: \(ended.reply.text)")
        ends[delete.id] = ended.state
    }

    private func deletePod() throws {
        let delete = try client.send("DELETE", "/v1/pods/\(name)?grace=0&allowMissing=true")
        guard delete.status != 204 else { return }
        let ended = try client.follow(delete.id, within: 30)
        hold(ended.state == "succeeded", "the last delete: \(ended.reply.text)")
        if let exit = ended["exits", "app"] { check(exit, "the last delete") }
        if ends.values.contains("succeeded"), let exit = ended["exits", "setup"] {
            hold(exit["exitCode"] == .integer(0), "the init task ended so: \(exit)")
        }
        ends[delete.id] = ended.state
        let after = try client.send("GET", "/v1/pods/\(name)")
        hold(after.status == 404, "the name is not free: \(after.reply.text.prefix(200))")
        guard after.status == 404 else { return }
        let events = try EventStream(daemon, "since=\(since)")
            .read(until: ("pod.gone", nil), of: name)
        let exits = events.filter {
            $0["kind"] == .string("task") && $0["state"] == .string("exited")
                && $0["task"] == .string("app")
        }
        let attempts = exits.compactMap { $0["attempt"]?.integer }
        hold(
            attempts == Array(1..<Int64(exits.count + 1)),
            "the exits of one task have the attempts \(attempts)")
        checkChanges(events)
        hold(exits.count <= 1 || scenario.restartsTask, "\(exits.count) exits of one task")
    }

    /// What the last delete left, by name.
    private func checkNothingLeft() throws {
        let left = daemon.leftovers()
        hold(left.isEmpty, "left over: \(left)")
        // init reaps a shim's orphan, and the daemon reaps our children.
        try eventually("no process is left", within: 5) {
            Census.marked(daemon.marks).isEmpty && daemon.children().isEmpty
        }
        let audit = try client.send("GET", "/v1/audit?fresh=true")
        hold(audit["balanced"] == .bool(true), "the audit: \(audit.reply.text)")
    }
}

extension Daemon {
    /// Everything of any pod on the machine, except processes.
    func leftovers() -> [String] {
        let files = ["run/pods", "data", "log"].flatMap { directory in
            names(in: "\(home)/\(directory)").map { "\(directory)/\($0)" }
        }
        let cgroups = Census.cgroups(of: cgroupParent).filter { !$0.hasSuffix(cgroupParent) }
        let mounts = (text(of: "/proc/self/mountinfo") ?? "").split(separator: "\n").filter {
            $0.contains(home + "/") && !$0.contains(" \(home)/run ")
        }
        var ofPlugins: [String] = []
        if let pluginNetwork, let network {
            do { ofPlugins = try pluginNetwork.left(in: network) } catch {
                ofPlugins = ["\(error)"]
            }
        }
        let networks = census().names.filter {
            $0.hasPrefix("link ") || $0.hasPrefix("firewall ")
        }
        return files + cgroups + mounts.map(String.init) + networks + ofPlugins
    }

    /// The daemon's children, including zombies.
    func children() -> [Int32] {
        let threads = names(in: "/proc/\(pid)/task")
        return threads.flatMap { thread in
            (text(of: "/proc/\(pid)/task/\(thread)/children") ?? "").split(separator: " ")
                .compactMap { Int32($0) }
        }
    }
}
