// Runs execs: the shim is asked once, and its keeper tells the end.
//
// A request is never repeated, because an exec must not run twice. A daemon that finds the
// operation of another one asks the shim for its execs. An exec that the shim does not know has
// never begun.

import Bytes
import EventLoop
import Host
import Kernel
import Model
import ShimProtocol

/// An exec whose end is waited for.
@Loop final class AwaitedExec {
    private var found: WireExecEnd??
    private var waiting: CheckedContinuation<WireExecEnd?, Never>?
    /// Whether the shim has been asked to run it.
    var isAsked = false

    /// `nil`: the end is unknown.
    func end(_ end: WireExecEnd?) {
        if found != nil { return }
        found = .some(end)
        waiting?.resume(returning: end)
        waiting = nil
    }

    func wait() async -> WireExecEnd? {
        if let found { return found }
        return await withCheckedContinuation { waiting = $0 }
    }
}

extension PodController {
    func runExec(_ operation: PodOperation) async {
        let id = "\(operation.id)"
        let awaited = AwaitedExec()
        execs[id] = awaited
        let call = engine.execCalls.take(operation.id)
        var failure: Failure?
        do throws(Failure) {
            if let call {
                try await begin(call, operation, awaited)
            } else {
                await find(awaited)
            }
        } catch {
            failure = error
            call?.fail()
        }
        var end: WireExecEnd?
        if failure == nil {
            end = await awaited.wait()
            if end == nil {
                failure = Failure(
                    .execLost, "the pod's shim is gone, or did not know of the exec",
                    step: .create(.taskExec))
            }
        }
        execs[id] = nil
        await finish(operation, end, failure)
        link?.tell(.forgetExec(id: id))
    }

    /// An earlier daemon has begun the exec. A shim that cannot be reached now is asked later.
    private func find(_ awaited: AwaitedExec) async {
        awaited.isAsked = true
        do throws(SystemCallFailure) {
            guard let link = try connectIfAlive() else { return awaited.end(nil) }
            await learnExecs(from: link)
        } catch { if settledPod == nil { awaited.end(nil) } }
    }

    private func finish(
        _ operation: PodOperation, _ end: WireExecEnd?, _ failure: Failure?
    ) async {
        let result = end.flatMap { ExecResult($0) }
        let failure = failure ?? (result == nil ? end.flatMap { Failure($0) } : nil)
        let isCanceled = engine.registry.openOperation(operation.id)?.state == .canceling
        await engine.registry.end(
            operation.id, failure != nil ? .failed : isCanceled ? .canceled : .succeeded,
            error: failure, engine
        ) { _, ended in ended.exec = result }
    }

    private func begin(
        _ call: ExecCall, _ operation: PodOperation, _ awaited: AwaitedExec
    ) async throws(Failure) {
        guard let pod = engine.registry.pod(uid), let name = operation.target.task,
            let task = pod[task: name]
        else { throw Failure(.taskUnknown, "the task was gone by then") }
        let link = try liveShim()
        guard let runsExecs = await has(.execs, link) else { throw Failure(nil, .taskExec) }
        guard runsExecs else {
            throw Failure(
                .shimFailed, "the pod's shim is of an earlier version, and runs no execs",
                step: .create(.taskExec))
        }
        let opened: ExecCall.Opened
        do throws(SystemCallFailure) {
            try host.writeExec(pod, task.spec, call.spec, id: "\(operation.id)")
            guard let made = try await call.open(host) else {
                throw SystemCallFailure(call: "exec", subject: "the client has gone", errno: 104)
            }
            opened = made
        } catch { throw Failure(.shimFailed, "\(error)", step: .create(.taskExec)) }
        let exec = call.wire("\(operation.id)", opened.stream)
        if !exec.isPlain, await has(.streams, link) != true {
            throw Failure(
                .shimFailed,
                "the pod's shim is of an earlier version, and knows only execs with JSON answers",
                step: .create(.taskExec))
        }
        try await step(.taskExec, name, operation) { () async throws(Failure) in
            awaited.isAsked = true
            // The shim may be gone by now, and its loss is told only to execs that were asked for.
            let link = try liveShim()
            let reply = await link.ask(.exec(task: name.text, exec), passing: opened.passed)
            // If the shim hung up, the next connection tells whether the exec runs.
            guard reply == .done || reply == nil else { throw Failure(reply, .taskExec) }
        }
        if engine.registry.openOperation(operation.id)?.state == .canceling { endExec(operation) }
    }

    /// A client has called it off.
    func endExec(_ operation: PodOperation) { link?.tell(.endExec(id: "\(operation.id)")) }

    /// Gives a kept exec its next client. Returns why that is not possible.
    func attach(_ operation: PodOperation, _ connection: any ExecConnection) async -> Failure? {
        do throws(Failure) {
            let link = try liveShim()
            let request = ShimRequest.attachExec(id: "\(operation.id)", connection.stream)
            guard await has(.streams, link) == true,
                let reply = await link.ask(request, passing: connection)
            else { return Failure(nil, .taskExec) }
            return reply == .done ? nil : Failure(reply, .taskExec)
        } catch { return error }
    }

    /// Gives a task one more client. Returns why that is not possible.
    func attach(_ connection: any ExecConnection, to task: Label) async -> Failure? {
        do throws(Failure) {
            let link = try liveShim()
            guard let knows = await has(.attach, link) else { return Failure(nil, .taskExec) }
            guard knows else {
                return Failure(
                    .shimFailed, "the pod's shim is of an earlier version, and attaches no client")
            }
            let request = ShimRequest.attachTask(task.text, connection.stream)
            let reply = await link.ask(request, passing: connection)
            return reply == .done ? nil : Failure(reply, .taskExec)
        } catch { return error }
    }

    func execEnded(_ id: String, _ end: WireExecEnd) { execs[id]?.end(end) }

    /// The shim is gone.
    func loseExecs() { for exec in execs.values where exec.isAsked { exec.end(nil) } }

    /// Learns the ends that were told over an earlier connection. An exec that the shim does not
    /// know has not run.
    func learnExecs(from link: any ShimClient) async {
        let asked = execs.filter { $0.value.isAsked }
        guard !asked.isEmpty, await has(.execs, link) ?? false,
            case .execs(let reports)? = await link.ask(.execs)
        else { return }
        for (id, exec) in asked {
            guard let report = reports.first(where: { $0.id.isSame(as: id) }) else {
                exec.end(nil)
                continue
            }
            if let end = report.end { exec.end(end) }
        }
    }
}

extension ExecCall {
    fileprivate func wire(_ id: String, _ stream: WireStream?) -> WireExec {
        WireExec(
            id: id, user: spec.user?.description ?? "", timeout: spec.timeout, input: wireInput,
            terminal: spec.terminal, isKept: spec.onDisconnect == .keep, stream: stream)
    }
}

extension ExecResult {
    /// `nil` if the exec failed. A program that is not there has an exit code, as in shells.
    fileprivate init?(_ end: WireExecEnd) {
        self.init(
            timedOut: end.timedOut,
            startedAt: end.startedAt > 0 ? Timestamp(milliseconds: end.startedAt) : nil,
            finishedAt: Timestamp(milliseconds: end.finishedAt))
        switch end.outcome {
        case .exited(let code): exitCode = code
        case .signaled(let number): signal = Signal(number: Int(number))
        case .failed(.programMissing, let detail): (exitCode, self.detail) = (127, detail)
        case .failed(.programRefused, let detail): (exitCode, self.detail) = (126, detail)
        case .failed, .unknown: return nil
        }
    }
}

extension Failure {
    fileprivate init?(_ end: WireExecEnd) {
        switch end.outcome {
        case .failed(let fault, let detail): self.init(fault, detail, .taskExec)
        case .unknown:
            self.init(
                .execLost, "the exec's keeper was killed, and the exec with it",
                step: .create(.taskExec))
        case .exited, .signaled: return nil
        }
    }
}
