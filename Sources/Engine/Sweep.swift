// The sweep: what bears our mark and no record names is put away, by operations that anyone can
// watch and by the delete's own steps.

import Documents
import Metrics
import Model

@Loop final class Sweep {
    /// So many at once: after a reboot there may be thousands, each with a helper of its own.
    private static let most = 16

    /// What was seen of each stray, for the metric.
    private var kinds: [UID: [AuditLine.Kind]] = [:]

    nonisolated init() {}

    /// Makes an operation for each stray of the last look, as far as there is room. The others are
    /// seen again by the next look.
    func start(for seen: [Observation], _ engine: Engine) async {
        var found: [UID: [AuditLine.Kind]] = [:]
        for observation in seen where observation.isSwept {
            for uid in observation.unrecorded.keys.compactMap({ UID($0) }) {
                found[uid, default: []].append(observation.kind)
            }
        }
        let room = Sweep.most - engine.registry.openSweeps().count
        for uid in found.keys.sorted().prefix(max(0, room)) {
            kinds[uid] = found[uid]
            await begin(uid, engine)
        }
    }

    private func begin(_ uid: UID, _ engine: Engine) async {
        guard let name = Label("\(uid)") else { return }
        let isNew = await engine.registry.insist(engine) {
            [context = engine.ownContext] transaction -> Bool in
            guard transaction.pod(uid: uid) == nil, transaction.openOperations(of: uid).isEmpty
            else { return false }
            var operation = transaction.makeOperation(
                .strayRemove, OperationTarget(pod: name, podUID: uid), context)
            operation.steps = OperationStep.removing(tasks: [])
            transaction.put(operation)
            return true
        }
        guard isNew else { return }
        engine.log.write(.warning, "stray found", ["uid": "\(uid)"])
        engine.wake(uid)
    }

    /// Nothing of it is left; where there were more than could be taken at once, the next look
    /// comes now.
    func ended(_ uid: UID, _ engine: Engine) {
        for kind in kinds.removeValue(forKey: uid) ?? [] {
            engine.metrics.straysRemoved.add(1, kind.rawValue)
        }
        if kinds.isEmpty { onLoop { await engine.takeAudit() } }
    }
}

extension Engine {
    @Loop func noteStrayGone(_ uid: UID) {
        ground.forget(uid)
        owners.sweep.ended(uid, self)
    }
}
