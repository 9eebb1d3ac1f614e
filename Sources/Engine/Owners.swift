// One owner for each pod, and what happens to all of them at the daemon's start.

import Linux
import Model
import Synchronization

@Loop final class Owners {
    private var owners: [UID: PodOwner] = [:]

    nonisolated init() {}

    func owner(of pod: UID, _ engine: Engine) -> PodOwner {
        if let owner = owners[pod] { return owner }
        let owner = PodOwner(pod, engine)
        owners[pod] = owner
        return owner
    }

    func forget(_ pod: UID) { owners[pod] = nil }

    /// Adopts the shims that live, and goes on with what stands open. One pod at a time, each
    /// without waiting for its shim: one that does not answer holds up nobody.
    func recover(_ engine: Engine) async {
        engine.registry.countRestart()
        let pods = engine.pods().pods
        for pod in pods {
            let owner = owner(of: pod.uid, engine)
            owner.adopt(pod)
            owner.pump()
        }
        // Those whose pod is gone already are ended by an owner too.
        for pod in engine.registry.podsWithOpenOperations() { owner(of: pod, engine).pump() }
        if !pods.isEmpty {
            engine.log.write(.info, "pods adopted", ["pods": "\(pods.count)"])
        }
        engine.readiness.store(true, ordering: .releasing)
        await engine.takeAudit()
    }
}

extension Registry {
    func podsWithOpenOperations() -> Set<UID> {
        state.withLock { state in Set(state.operations.values.map(\.target.podUID)) }
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
}
