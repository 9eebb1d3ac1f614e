// The audit compares the records with the kernel, the run directory and the disks.

package import Documents
import EventLoop
import Host
import Kernel
import Metrics
import Model
import Synchronization

extension Engine {
    /// Returns the last audit that was taken.
    package func audit(isFresh: Bool) -> Audit {
        let last = lastAudit.withLock { $0 }
        return Audit(
            fresh: isFresh, takenAt: last.takenAt, revision: last.revision,
            resources: last.resources, namespaces: last.namespaces, mounts: last.mounts,
            operations: registry.openOrphanRemovals())
    }

    /// Takes an audit, then calls `done`.
    package func freshAudit(_ done: @escaping @Sendable () -> Void) {
        onLoop {
            await self.takeAudit()
            done()
        }
    }

    /// Takes an audit at the start and then once every `auditInterval`, without end.
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
        // An object is ours if its record exists at the end of the look, or went during the look.
        // An object that is seen without such a record is unrecorded.
        let before = settled(pods().pods)
        let seen = await observe()
        let held = await host.heldNamespaces(registry)
        let after = pods()
        let lasting = settled(after.pods).lasting(since: before)
        let lines = seen.map { $0.line(lasting) } + [AuditLine(held)]
        let audit = Audit(
            fresh: true, takenAt: EngineClock.now, revision: after.revision, resources: lines,
            namespaces: held, mounts: sharedMounts(of: after.pods))
        lastAudit.withLock { $0 = audit }
        publish(audit)
        // Another program has removed the bridge, or flushed the firewall.
        let isNetworkMissing = lines.contains {
            [.bridges, .interfaces, .ports].contains($0.kind) && !$0.missing.isEmpty
        }
        if isNetworkMissing { onLoop { await self.networkControllers.complete(self) } }
        await controllers.orphans.start(for: seen, self)
    }

    /// The mounts of the host that tasks may have made through shared mounts.
    @Loop private func sharedMounts(of pods: [Pod]) -> [SharedMount] {
        let pods = pods.filter(\.hasSharedMounts)
        if pods.isEmpty { return [] }
        var all: [HostMount] = []
        ignoring("the next audit looks again") { () throws(SystemCallFailure) in
            all = try self.host.hostMounts()
        }
        return pods.flatMap { $0.shared(among: all) }
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

extension Engine {
    @Loop private func settled(_ pods: [Pod]) -> Settled {
        Settled(
            pods: pods.filter(\.isSettled),
            networks: registry.networks.filter { networkControllers.isMade($0) })
    }
}

/// The pods and networks whose objects have to exist.
private struct Settled {
    var pods: [Pod]
    var networks: [Network]

    /// The pods and networks that were settled before, too. The objects that a pod has to have
    /// change only with its state.
    func lasting(since before: Settled) -> Settled {
        let known = Set(before.pods.map(\.uid) + before.networks.map(\.uid))
        return Settled(
            pods: pods.filter { known.contains($0.uid) },
            networks: networks.filter { known.contains($0.uid) })
    }

    /// The uids of the pods and networks that have to have an object of the kind.
    func owing(_ kind: ResourceKind) -> [UID] {
        pods.filter { kind.isOwed(by: $0) }.map(\.uid)
            + networks.filter { kind.isOwed(by: $0) }.map(\.uid)
    }
}

extension Pod {
    /// Whether every object that the record names has to exist. A pod that is being created or
    /// deleted is not settled.
    var isSettled: Bool {
        switch state {
        case .ready, .stopping, .stopped: !isReleased
        case .creating, .deleting, .lost: false
        }
    }
}

extension Observation {
    fileprivate func line(_ lasting: Settled) -> AuditLine {
        let owed = lasting.owing(kind)
        let missing = owed.filter { names["\($0)"] == nil }.map { "\($0)" }
        return AuditLine(
            kind: kind, recorded: kind.isOwed ? owed.count : names.count - unrecorded.count,
            observed: names.count, unrecorded: unrecorded.values.sorted(),
            missing: missing.sorted())
    }
}

extension Registry: Recorded {
    func beginLook() { state.withLock { $0.looks += 1 } }

    func endLook() -> Set<UID> {
        state.withLock { state in
            let named = state.goneDuringLooks.union(state.names.keys)
                .union(state.networkNames.keys)
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

    /// Returns the open operations that remove orphans.
    func openOrphanRemovals() -> [UID] {
        state.withLock { state in
            state.operations.all.filter { $0.kind == .orphanRemove }.map(\.id).sorted()
        }
    }
}
