// One client of Staunch: create, wait, read, hold, delete, wait; any request may be repeated.

import Bytes
import Client
import JSON
import Linux

final class StaunchWorker: PodWorker {
    let line: RetryingClient
    let endpoint: Endpoint
    private let rootfs: String
    let statistics: RunStatistics
    let interrupts: Interrupts
    /// Whether the client has a time limit: it then asks the server to wait, and may hang up.
    private let waits: Bool

    init(
        _ endpoint: Endpoint, _ settings: RunSettings, rootfs: String, _ statistics: RunStatistics,
        _ interrupts: Interrupts
    ) {
        line = RetryingClient(endpoint, settings, interrupts)
        self.endpoint = endpoint
        self.rootfs = rootfs
        self.statistics = statistics
        self.interrupts = interrupts
        waits = settings.patience != nil
    }

    func cycle(_ name: String, _ workload: Workload) throws(RunFailure) {
        let began = now()
        let body = workload.podBody(rootfs: rootfs, hostPort: hostPort(of: name))
        let create = Request("PUT", "/v1/pods/\(name)", body: body)
        guard let created = try mutate(create, .createAnswer) else { return }
        guard created["state"]?.string == "succeeded" else { return failed(name, created) }
        let made = now()
        statistics.record(.create, since: began)
        let uid = created["target"]?["uid"]?.string ?? ""
        var seen = try read(name, uid)
        let follower = follow(name, uid, workload)
        if workload.execs > 0 { try runExecs(name, uid, workload) }
        let attempts = try awaitAttempts(name, uid, workload)
        if workload.hold > 0 { pause(workload.hold) }
        // The exits of restarted tasks have a ledger of their own.
        if workload.hold > 0, workload.restarts == 0 { seen = try read(name, uid) }
        if let follower { try expectAll(of: follower, name, uid) }
        follower?.expectEnd()
        let deleting = now()
        let target = "/v1/pods/\(name)?uid=\(uid)&grace=\(Figure.fixed(workload.grace, 3))"
        guard let deleted = try mutate(Request("DELETE", target), .deleteAnswer) else { return }
        statistics.record(.delete, since: deleting)
        let took = made - began + (now() - deleting)
        ended(name, uid, workload, deleted, workload.restarts == 0 ? seen : [:], took)
        if workload.restarts > 0 {
            statistics.change { $0.attempts.ended(name, uid: uid, seen: attempts) }
        }
        try expectGone(name)
        follower?.finish()
    }

    /// Pods that exist at the same time have different ports, because their names have different
    /// numbers. The kernel gives none of these ports to clients (ip_local_port_range).
    private func hostPort(of name: String) -> Int64 {
        10_000 + (name.fields("-").last.flatMap { Int64($0) } ?? 0) % 20_000
    }

    /// Sends the request until it is answered, and follows its operation to the end. `nil` if the
    /// API does not promise such an answer.
    private func mutate(_ request: Request, _ phase: Phase) throws(RunFailure) -> JSONValue? {
        let id = freshID()
        var request = request
        request.headers.append(("Operation-Id", id))
        if waits { request.headers.append(("Prefer", "wait=300")) }
        let (answer, sent) = try line.ask(request)
        if !waits { statistics.record(phase, since: sent) }
        let told = (answer.headers.contains { $0.value.hasSuffix(id) }) || answer.text.contains(id)
        guard told else {
            statistics.surprise(
                "\(request.method) \(request.target): \(answer.status) \(answer.text)")
            return nil
        }
        return try follow(id, request)
    }

    private func follow(_ id: String, _ request: Request) throws(RunFailure) -> JSONValue? {
        while true {
            let (operation, answer) = try line.json(Request("GET", "/v1/operations/\(id)?wait=10"))
            guard answer.status == 200 || answer.status == 202 else {
                let what = "the operation of \(request.method) \(request.target)"
                statistics.surprise("\(what): \(answer.status) \(answer.text)")
                return nil
            }
            switch operation["state"]?.string {
            case "succeeded", "failed", "canceled": return operation
            default: continue
            }
        }
    }

    private func failed(_ name: String, _ operation: JSONValue) {
        let uid = operation["target"]?["uid"]?.string ?? ""
        let why = operation["error"]?["detail"]?.string ?? operation["state"]?.string ?? "?"
        statistics.change { $0.failures.append(FailedCreate(pod: name, podUID: uid, why: why)) }
    }

    /// The exits that a read already shows.
    private func read(_ name: String, _ uid: String) throws(RunFailure) -> [String: TaskEnd] {
        let request = Request("GET", "/v1/pods/\(name)")
        let (answer, sent) = try line.ask(request)
        statistics.record(.read, since: sent)
        let pod: JSONValue
        do { pod = try answer.json() } catch { throw RunFailure("GET \(name): \(error)") }
        guard answer.status == 200, pod["uid"]?.string == uid else {
            statistics.surprise("GET \(name), which is there: \(answer.status) \(answer.text)")
            return [:]
        }
        return TaskEnd.all(pod["tasks"])
    }

    private func ended(
        _ name: String, _ uid: String, _ workload: Workload, _ operation: JSONValue,
        _ seen: [String: TaskEnd], _ took: Double
    ) {
        guard operation["state"]?.string == "succeeded" else {
            return statistics.surprise("a delete ended otherwise: \(operation)")
        }
        let end = PodEnd(
            name: name, uid: uid, workload: workload, exits: TaskEnd.all(operation["exits"]),
            seenBefore: seen)
        statistics.change { state in
            state.pods += 1
            state.latencies.record(.pod, seconds: took)
            state.ledger.ended(end)
        }
    }

    /// The name is free as soon as the delete has ended (S6).
    private func expectGone(_ name: String) throws(RunFailure) {
        let (answer, sent) = try line.ask(Request("GET", "/v1/pods/\(name)"))
        statistics.record(.read, since: sent)
        if answer.status != 404 {
            statistics.surprise("GET \(name), which is deleted: \(answer.status) \(answer.text)")
        }
    }

    private func pause(_ seconds: Double) {
        _ = wait(atMost: seconds) { interrupts.shouldFinish }
    }
}

extension TaskEnd {
    /// The end in a task, in an operation's `exits` or in an event.
    init(_ document: JSONValue) {
        self.init(
            exitCode: document["exitCode"]?.integer, signal: document["signal"]?.string,
            isUnknown: document["exitUnknown"]?.bool ?? false,
            neverRan: document["neverRan"]?.bool ?? false,
            finishedAt: document["finishedAt"]?.string)
    }

    /// The ended tasks of a pod's `tasks` or an operation's `exits`.
    static func all(_ tasks: JSONValue?) -> [String: TaskEnd] {
        var ends: [String: TaskEnd] = [:]
        for task in tasks?.members ?? [] {
            let end = TaskEnd(task.value)
            if end.isThere { ends[task.name] = end }
        }
        return ends
    }
}
