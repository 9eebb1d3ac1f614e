// One controller for each pod, and the recovery of all of them at the daemon's start.

import EventLoop
import Host
import Kernel
import Model
import Synchronization

@Loop final class PodControllers {
    private var controllers: [UID: PodController] = [:]
    let orphans = OrphanCollector()

    nonisolated init() {}

    func controller(of pod: UID, _ engine: Engine) -> PodController {
        if let controller = controllers[pod] { return controller }
        let controller = PodController(pod, engine)
        controllers[pod] = controller
        return controller
    }

    func forget(_ pod: UID) { controllers[pod] = nil }

    /// Forgets a controller that a late request has woken, and that has nothing left to do.
    func forgetIdle(_ controller: PodController) {
        if controller.running.isEmpty && controllers[controller.uid] === controller {
            controllers[controller.uid] = nil
        }
    }

    /// Looks for stopped shims; called once in a while.
    func lookAtShims() { for controller in controllers.values { controller.lookWhetherStopped() } }

    /// Adopts the live shims, and continues the open operations. It does one pod at a time without
    /// waiting for its shim, so a silent shim delays nothing.
    func recover(_ engine: Engine, _ whenReady: @Sendable () -> Void) async {
        engine.registry.countRestart()
        let pods = engine.pods().pods
        for pod in pods {
            await repair(pod, engine)
            let controller = controller(of: pod.uid, engine)
            controller.adopt(pod)
            controller.schedule()
        }
        // A controller ends the operations whose pod is gone already, too.
        for pod in engine.registry.podsWithOpenOperations() {
            engine.schedule(pod)
        }
        await engine.networkControllers.recover(engine)
        engine.host.watchNetworks { await engine.networkControllers.complete(engine) }
        if !pods.isEmpty {
            engine.log.write(.info, "pods adopted", ["pods": "\(pods.count)"])
        }
        engine.readiness.store(true, ordering: .releasing)
        whenReady()
        await engine.auditNowAndThen()
    }

    /// Gives a pod that is being created, deleted or cleaned up a new operation if its operation
    /// was lost. An operation is lost if its record or the pod's record could not be read. The
    /// daemon owns the new operation.
    private func repair(_ pod: Pod, _ engine: Engine) async {
        let open = engine.registry.openOperations(of: pod.uid)
        switch pod.state {
        case .ready, .stopping, .stopped: return
        case .creating, .deleting:
            if open.contains(where: { $0.kind == .podCreate || $0.kind == .podDelete }) { return }
            await engine.registry.commitUntilAccepted(engine) {
                [context = engine.ownContext] transaction in
                guard let pod = transaction.pod(uid: pod.uid) else { return }
                _ = transaction.delete(pod, grace: nil, context)
            }
        case .lost:
            let hasCleared = open.isEmpty && engine.isGone(pod.uid)
            if hasCleared || open.contains(where: { $0.kind == .podCleanup }) { return }
            await engine.registry.commitUntilAccepted(engine) {
                [context = engine.ownContext] transaction in
                guard var pod = transaction.pod(uid: pod.uid) else { return }
                pod.operation = transaction.makeCleanup(of: pod, context)
                transaction.put(pod)
            }
        }
    }
}

extension Engine {
    /// Whether nothing of a pod is left in cgroups and in the run directory, which are in memory.
    @Loop fileprivate func isGone(_ pod: UID) -> Bool {
        do {
            for cgroup in try [layout.cgroup(pod)] + outsideCgroups(of: pod)
            where try !host.directories(of: cgroup).isEmpty { return false }
            return try !host.hasRunFolder(pod)
        } catch { return false }
    }
}

extension Registry {
    func podsWithOpenOperations() -> Set<UID> {
        state.withLock { state in Set(state.operations.pods) }
    }

    /// Counts one more restart for every open operation.
    func countRestart() {
        _ = transaction { transaction in
            for operation in transaction.allOpen() {
                var operation = operation
                operation.resumed += 1
                transaction.put(operation)
            }
        }
    }

    /// The records that could not be read at the start.
    var damage: [String] { state.withLock { $0.damage } }
}
