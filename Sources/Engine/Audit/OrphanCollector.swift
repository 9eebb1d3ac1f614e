// Removes orphans: objects that have our mark and no record. An operation removes each orphan by
// the steps of a delete, and clients can watch the operation.

import Documents
import EventLoop
import Host
import Metrics
import Model

@Loop final class OrphanCollector {
    /// The most removals at once, because a reboot may leave thousands of orphans, and each needs a
    /// helper of its own.
    private static let most = 16

    /// The kinds that were seen of each orphan, for the metric.
    private var kinds: [UID: [ResourceKind]] = [:]
    /// Removed since the last look. If that look sees one again, the next look removes it again, so
    /// that a removal that does not help is repeated only now and then.
    private var removed: Set<UID> = []

    nonisolated init() {}

    /// Makes an operation for each orphan of the last look, up to the limit. The next look sees the
    /// other orphans again.
    func start(for seen: [Observation], _ engine: Engine) async {
        var found: [UID: [ResourceKind]] = [:]
        for observation in seen where observation.kind.isCollected {
            for uid in observation.unrecorded.keys.compactMap({ UID(ours: $0) }) {
                found[uid, default: []].append(observation.kind)
            }
        }
        let room = OrphanCollector.most - engine.registry.openOrphanRemovals().count
        let due = found.keys.filter { !removed.contains($0) }
        removed = []
        for uid in due.sorted().prefix(max(0, room)) {
            kinds[uid] = found[uid]
            await begin(uid, engine)
        }
    }

    private func begin(_ uid: UID, _ engine: Engine) async {
        let isNew = await engine.registry.commitUntilAccepted(engine) {
            [context = engine.ownContext] transaction -> Bool in
            guard transaction.pod(uid: uid) == nil, transaction.openOperations(of: uid).isEmpty
            else { return false }
            var operation = transaction.makeOperation(.orphanRemove, .orphan(uid), context)
            operation.steps = OperationStep.removing(tasks: [])
            transaction.put(operation)
            return true
        }
        guard isNew else { return }
        engine.log.write(.warning, "orphan found", ["uid": "\(uid)"])
        engine.wake(uid)
    }

    /// Counts an orphan of which nothing is left. When no removal is left, it takes an audit at
    /// once, because there may be more orphans than the limit.
    func ended(_ uid: UID, _ engine: Engine) {
        removed.insert(uid)
        for kind in kinds.removeValue(forKey: uid) ?? [] {
            engine.metrics.orphansRemoved.add(1, kind.rawValue)
        }
        if kinds.isEmpty { onLoop { await engine.takeAudit() } }
    }
}

extension Engine {
    @Loop func noteOrphanGone(_ uid: UID) {
        host.forget(uid)
        controllers.orphans.ended(uid, self)
    }
}
