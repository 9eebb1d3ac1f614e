// Finding a pod's shim, and starting it where there is none. The lock says which.

import Documents
import EventLoop
import Linux
import Model
import ShimProtocol

extension PodController {
    /// The line to the pod's shim, where it lives.
    func connectIfAlive() throws(SystemCallFailure) -> (any ShimClient)? {
        if let link, link.isOpen { return link }
        guard try host.shimPresence(uid) == .lives else { return nil }
        return adopt(try host.connect(uid, recorded: shim?.process, events))
    }

    /// The line to the pod's shim, which is started where there is none.
    func ensureShim(_ pod: Pod) async throws(Failure) -> any ShimClient {
        do throws(SystemCallFailure) {
            if let link, link.isOpen { return link }
            let link: any ShimClient
            if let found = try connectIfAlive() {
                link = found
            } else {
                try noteFormerExits(of: pod)
                link = adopt(try host.startShim(pod, events))
            }
            guard case .status(let report)? = await link.ask(.status) else {
                _ = try await hasEnded(link)
                throw SystemCallFailure(call: "start", subject: host.shimLog(uid), errno: 71)
            }
            shim = ShimStatus(
                process: ProcessIdentity(report.shim), since: pod.shim?.since ?? EngineClock.now)
            noteNamespaces(of: ProcessIdentity(report.shim))
            // One that was found alive may have seen tasks end while no daemon was there.
            for task in report.tasks { if let exit = task.exit { sawExit(task.name, exit) } }
            return link
        } catch { throw Failure(.shimFailed, "\(error)", step: .create(.shimStart)) }
    }

    /// Of tasks that a former shim had made: the new one knows nothing of them.
    private func noteFormerExits(of pod: Pod) throws(SystemCallFailure) {
        for task in pod.tasks where task.state.process != nil {
            let name = task.spec.name
            let exit = storedExit(name)
            let isStored = engine.registry.update(uid, engine) { pod in
                _ = pod[task: name]?.state.sawExit(exit)
            }
            if !isStored {
                throw SystemCallFailure(call: "commit", subject: "exit of \(name)", errno: 28)
            }
        }
    }

    /// The line to the shim of a pod that has one: a lost one is not replaced.
    func liveShim() throws(Failure) -> any ShimClient {
        do throws(SystemCallFailure) {
            if let link = try connectIfAlive() { return link }
        } catch { throw Failure(.shimFailed, "\(error)") }
        throw Failure(.podState, "the pod's shim is gone")
    }

    /// Whether the shim, which has hung up, has ended, and with it its exit was taken: one may hang
    /// up for want of memory, and live on. The lock is let go of a moment later than the line.
    func hasEnded(_ link: any ShimClient) async throws(SystemCallFailure) -> Bool {
        for pause in [0, 1, 4, 16] as [Int64] {
            if pause > 0 { await Loop.shared.reactor.pause(milliseconds: pause) }
            guard try host.shimPresence(uid) == .gone else { continue }
            await link.ended()
            return true
        }
        return false
    }

    private var events: ShimEvents {
        ShimEvents(
            sawExit: { [weak self] task, exit in self?.sawExit(task, exit) },
            lost: { [weak self] in self?.lostShimClient() })
    }

    private func adopt(_ made: any ShimClient) -> any ShimClient {
        link = made
        status = StatusQuestion()
        return made
    }
}

extension ProcessIdentity {
    init(_ process: WireProcess) { self.init(pid: process.pid, startTicks: process.startTicks) }
}
