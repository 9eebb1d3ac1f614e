// The account: what is recorded against what the kernel, the run directory and the disks show.

package import Documents
import EventLoop
import Linux
import Metrics
package import Model
import Synchronization

extension Engine {
    /// The last one that was taken.
    package func audit(isFresh: Bool) -> Audit {
        let last = lastAudit.withLock { $0 }
        return Audit(
            fresh: isFresh, takenAt: last.takenAt, revision: last.revision,
            resources: last.resources, namespaces: last.namespaces,
            operations: registry.openOrphanRemovals())
    }

    /// Takes one, then calls `done`.
    package func freshAudit(_ done: @escaping @Sendable () -> Void) {
        onLoop {
            await self.takeAudit()
            done()
        }
    }

    /// At the start and then again and again, without end.
    @Loop func auditNowAndThen() async {
        while true {
            controllers.lookAtShims()
            registry.reserve?.hold()
            layerTrials.tryAgain(self)
            await takeAudit()
            await Loop.shared.reactor.pause(milliseconds: settings.auditInterval)
        }
    }

    @Loop func takeAudit() async {
        // What is recorded when the look ends, or has gone since it began, is ours; what is seen
        // and is neither was there without a record.
        let before = pods().pods.filter(\.isSettled)
        let seen = await observe()
        let held = await host.heldNamespaces(registry)
        let after = pods()
        let lasting = Set(before.map(\.uid)).intersection(
            after.pods.filter(\.isSettled).map(\.uid))
        let lines = seen.map { $0.line(lasting) } + [AuditLine(held)]
        let audit = Audit(
            fresh: true, takenAt: EngineClock.now, revision: after.revision, resources: lines,
            namespaces: held)
        lastAudit.withLock { $0 = audit }
        publish(audit)
        await controllers.orphans.start(for: seen, self)
    }

    private func publish(_ audit: Audit) {
        for line in audit.resources {
            let kind = line.kind.rawValue
            metrics.resourcesRecorded.set(Double(line.recorded), kind)
            metrics.resourcesObserved.set(Double(line.observed), kind)
            metrics.resourcesUnrecorded.set(Double(line.unrecorded.count), kind)
            metrics.resourcesMissing.set(Double(line.missing.count), kind)
        }
        metrics.auditTime.set(Double(audit.takenAt.milliseconds) / 1000)
    }
}

extension Pod {
    /// Whether all that the record names has to be there: neither on its way up nor down.
    fileprivate var isSettled: Bool {
        switch state {
        case .ready, .stopping, .stopped: true
        case .creating, .deleting, .lost: false
        }
    }
}

extension Observation {
    fileprivate func line(_ lasting: Set<UID>) -> AuditLine {
        let missing = kind.isOwed ? lasting.filter { names["\($0)"] == nil }.map { "\($0)" } : []
        return AuditLine(
            kind: kind, recorded: kind.isOwed ? lasting.count : names.count - unrecorded.count,
            observed: names.count, unrecorded: unrecorded.values.sorted(),
            missing: missing.sorted())
    }
}

/// What a look at the machine asks of the records.
package protocol Recorded: Sendable {
    /// From here on it is noted which records go.
    func beginLook()
    /// The pods that are recorded now, or were at some time since the look began.
    func endLook() -> Set<UID>
    /// By the number of its inode, for whom a namespace was made last.
    func namespaceOwners() -> [UInt64: NamespaceOwner]
    /// The processes of the shims that live, as far as is known.
    func shims() -> [Int32]
}

extension Registry: Recorded {
    func beginLook() { state.withLock { $0.looks += 1 } }

    func endLook() -> Set<UID> {
        state.withLock { state in
            let named = state.goneDuringLooks.union(state.names.keys)
            state.looks -= 1
            if state.looks == 0 { state.goneDuringLooks = [] }
            return named
        }
    }

    func shims() -> [Int32] {
        state.withLock { state in
            state.pods.values.compactMap { $0.state == .lost ? nil : $0.shim?.process.pid }
        }
    }

    /// The operations that put orphans away.
    func openOrphanRemovals() -> [UID] {
        state.withLock { state in
            state.operations.all.filter { $0.kind == .orphanRemove }.map(\.id).sorted()
        }
    }
}
