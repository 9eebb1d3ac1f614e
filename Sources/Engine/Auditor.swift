// The account: what is recorded against what the kernel and the run directory show.

package import Documents
import Linux
import Metrics
import Model
import Synchronization

extension Engine {
    /// The last one that was taken.
    package func audit() -> Audit { lastAudit.withLock { $0 } }

    /// Takes one, then calls `done`.
    package func freshAudit(_ done: @escaping @Sendable () -> Void) {
        onLoop {
            await self.takeAudit()
            done()
        }
    }

    @Loop func takeAudit() async {
        // Recorded first, looked at second, recorded again: what came or went in between is in one
        // of the two, and only what is in neither is a stray.
        let before = pods()
        let seen = await Observation.take(self)
        let after = pods()
        let named = Set((before.pods + after.pods).map { "\($0.uid)" })
        let lasting = Set(before.pods.filter(\.isSettled).map { "\($0.uid)" })
            .intersection(after.pods.filter(\.isSettled).map { "\($0.uid)" })
        let lines = seen.map { line in
            AuditLine(
                kind: line.kind, recorded: line.isOwed ? lasting.count : 0,
                observed: line.names.count,
                unrecorded: line.names.filter { !named.contains($0.key) }.values.sorted(),
                missing: line.isOwed ? lasting.filter { line.names[$0] == nil }.sorted() : [])
        }
        let audit = Audit(
            fresh: true, takenAt: Timestamp(milliseconds: SystemClock.wall),
            revision: after.revision, resources: lines)
        lastAudit.withLock { $0 = audit }
        publish(audit)
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

/// What was seen of one kind of resource: the uid in the name, and the name.
private struct Observation: Sendable {
    let kind: AuditLine.Kind
    let names: [String: String]
    /// Whether every settled pod has one.
    let isOwed: Bool

    @Loop static func take(_ engine: Engine) async -> [Observation] {
        let layout = engine.layout
        return [
            Observation(kind: .directories, names: entries(layout.pods), isOwed: true),
            Observation(kind: .shims, names: shims(engine), isOwed: true),
            Observation(
                kind: .sockets,
                names: entries(layout.pods).filter { exists($0.value + "/shim.sock") },
                isOwed: true),
            Observation(kind: .cgroups, names: cgroups(engine), isOwed: true),
            Observation(kind: .mounts, names: mounts(engine), isOwed: false),
        ]
    }

    private static func entries(_ directory: String) -> [String: String] {
        var found: [String: String] = [:]
        ignoring("what cannot be listed is missing, and says so") {
            () throws(SystemCallFailure) in
            for name in try Files.names(in: directory) { found[name] = "\(directory)/\(name)" }
        }
        return found
    }

    private static func exists(_ path: String) -> Bool {
        do { return try Files.exists(path) } catch { return false }
    }

    private static func shims(_ engine: Engine) -> [String: String] {
        entries(engine.layout.pods).filter { name, _ in
            guard let uid = UID(name) else { return false }
            do { return try engine.layout.shimPresence(uid) == .lives } catch { return false }
        }
    }

    private static func cgroups(_ engine: Engine) -> [String: String] {
        var found: [String: String] = [:]
        for hierarchy in engine.host.hierarchies {
            let parent = hierarchy.directory(engine.settings.cgroupParent)
            for (name, path) in entries(parent)
            where UID(name) != nil && found[name] == nil && !belongsToAnother(path, engine) {
                found[name] = path
            }
        }
        return found
    }

    /// Daemons beside this one may share the parent: a living shim says whose pod it is.
    private static func belongsToAnother(_ path: String, _ engine: Engine) -> Bool {
        var pids = ""
        ignoring("a cgroup without a shim's own is nobody's") { () throws(SystemCallFailure) in
            pids = try Files.text(path + "/shim/cgroup.procs")
        }
        return pids.split(separator: "\n").compactMap { Int32($0) }.contains { pid in
            let words = ProcessFiles.commandLine(of: pid) ?? []
            return words.count > 4 && !words[4].hasPrefix(engine.layout.pods + "/")
        }
    }

    /// On the host there should be none: a pod's mounts are in its shim's namespace.
    private static func mounts(_ engine: Engine) -> [String: String] {
        var found: [String: String] = [:]
        ignoring("mountinfo can always be read") { () throws(SystemCallFailure) in
            let parents = [engine.layout.pods, engine.settings.dataDirectory].map { $0 + "/" }
            for mount in try MountInfo.current() {
                for parent in parents where mount.mountPoint.hasPrefix(parent) {
                    let rest = mount.mountPoint.dropFirst(parent.count)
                    // A mount is a stray even where its pod is recorded.
                    found["mount " + String(rest)] = mount.mountPoint
                }
            }
        }
        return found
    }
}
