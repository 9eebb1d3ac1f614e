// One controller for each pod, and what happens to all of them at the daemon's start.

import EventLoop
import Linux
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

    /// Takes a controller back that a late request has woken, and that has nothing to do any more.
    func forgetIdle(_ controller: PodController) {
        if controller.running.isEmpty && controllers[controller.uid] === controller {
            controllers[controller.uid] = nil
        }
    }

    /// Now and then: shims that somebody has stopped.
    func lookAtShims() { for controller in controllers.values { controller.lookWhetherStopped() } }

    /// Adopts the shims that live, and goes on with what stands open. One pod at a time, each
    /// without waiting for its shim: one that does not answer holds up nobody.
    func recover(_ engine: Engine, _ whenReady: @Sendable () -> Void) async {
        engine.registry.countRestart()
        let pods = engine.pods().pods
        for pod in pods {
            await repair(pod, engine)
            let controller = controller(of: pod.uid, engine)
            controller.adopt(pod)
            controller.schedule()
        }
        // Those whose pod is gone already are ended by a controller too.
        for pod in engine.registry.podsWithOpenOperations() {
            controller(of: pod, engine).schedule()
        }
        if !pods.isEmpty {
            engine.log.write(.info, "pods adopted", ["pods": "\(pods.count)"])
        }
        engine.readiness.store(true, ordering: .releasing)
        whenReady()
        await engine.auditNowAndThen()
    }

    /// A pod that is on its way has an operation that takes it there. Where that was lost (its
    /// record could not be read, or the pod's own could not), there is a new one, of the daemon's.
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
    /// Whether nothing of a pod is left in memory-backed places.
    @Loop fileprivate func isGone(_ pod: UID) -> Bool {
        do {
            return try host.directories(of: layout.cgroup(pod)).isEmpty && !host.hasRunFolder(pod)
        } catch { return false }
    }
}

extension Registry {
    func podsWithOpenOperations() -> Set<UID> {
        state.withLock { state in Set(state.operations.pods) }
    }

    /// Every operation that stands open has lived through one more restart.
    func countRestart() {
        _ = transaction { transaction in
            for operation in transaction.allOpen() {
                var operation = operation
                operation.resumed += 1
                transaction.put(operation)
            }
        }
    }

    /// Records that could not be read at the start.
    var damage: [String] { state.withLock { $0.damage } }
}
