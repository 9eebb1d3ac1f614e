// Finds a pod's shim, and starts it if there is none. The shim's lock tells which.

import EventLoop
import Host
import Kernel
import Model
import ShimProtocol

extension PodController {
    /// Returns the connection to the pod's shim; `nil` if the shim is gone.
    func connectIfAlive() throws(SystemCallFailure) -> (any ShimClient)? {
        if let link, link.isOpen { return link }
        guard try host.shimPresence(uid) == .lives else { return nil }
        return adopt(try host.connect(uid, recorded: shim?.process, events))
    }

    /// Returns the connection to the pod's shim, and starts the shim if there is none.
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
                process: report.shim, since: pod.shim?.since ?? EngineClock.now)
            noteNamespaces(of: report.shim)
            // A shim that was found alive may have seen tasks end while no daemon ran.
            learn(report.tasks)
            await learnAttempts(from: link)
            return link
        } catch { throw Failure(.shimFailed, "\(error)", step: .create(.shimStart)) }
    }

    /// Stores the exits of tasks that a former shim made, because the new shim does not know them.
    private func noteFormerExits(of pod: Pod) throws(SystemCallFailure) {
        for task in pod.tasks {
            guard try mayHaveRun(task) else { continue }
            let name = task.spec.name
            let isStored: Bool
            if task.isRestarted {
                isStored = try storeFormerAttempts(of: name)
            } else {
                let exit = storedExit(name)
                isStored = engine.registry.update(uid, engine) { pod in
                    _ = pod[task: name]?.sawExit(exit, of: 1)
                }
            }
            if !isStored {
                throw SystemCallFailure(call: "commit", subject: "exit of \(name)", errno: 28)
            }
        }
    }

    /// Whether a former shim may have made a process of the task. The daemon may have died before
    /// it recorded the process, and an init task must not run a second time.
    private func mayHaveRun(_ task: PodTask) throws(SystemCallFailure) -> Bool {
        if task.state.process != nil || task.isRestarted { return true }
        guard task.spec.isInit, task.state == .creating else { return false }
        return try host.exitFile(uid, task.spec.name) != .none
    }

    /// Returns the connection to the shim of a pod that has one. A lost shim is not replaced.
    func liveShim() throws(Failure) -> any ShimClient {
        do throws(SystemCallFailure) {
            if let link = try connectIfAlive() { return link }
        } catch { throw Failure(.shimFailed, "\(error)") }
        throw Failure(.podState, "the pod's shim is gone")
    }

    /// Whether the shim that has hung up has ended, so that its exit was taken. A shim may hang up
    /// for lack of memory and live on. The lock is released a moment after the connection closes.
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
            sawLog: { [weak self] task, state in self?.sawLog(task, state) },
            attemptsChanged: { [weak self] task in self?.attemptsChanged(task) },
            execEnded: { [weak self] id, end in self?.execEnded(id, end) },
            sawHealth: { [weak self] task, report in self?.sawHealth(task, report) },
            lost: { [weak self] in self?.lostShimClient() })
    }

    private func adopt(_ made: any ShimClient) -> any ShimClient {
        link = made
        status = StatusQuestion()
        // Whatever the shim has said over an earlier connection may be lost.
        onLoop {
            await self.learnHealth(from: made)
            await self.learnAttempts(from: made)
            await self.learnExecs(from: made)
        }
        return made
    }
}
