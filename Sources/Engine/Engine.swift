// The engine, which the API drives. A request comes in on any thread and is recorded at once. One
// controller for each pod does the work, on the loop.

import Documents
import EventLoop
import Linux
package import Metrics
import Model
import OCI
package import Store
import Synchronization

/// A listener that the daemon can do without.
package enum ListenerStatus: Equatable, Sendable {
    case off
    case serving(address: String)
    /// The daemon tries again until it can bind the address.
    case waiting(address: String, why: String)
}

package final class Engine: Sendable {
    let settings: EngineSettings
    let layout: Layout
    let registry: Registry
    package let metrics = Metrics()
    package let log: Log
    /// The part of `info` that does not change while the daemon runs.
    private let fixedInfo: EngineInfo
    let runtime: RuntimeWatch
    let host: any Host
    /// The lock of the run directory. It is held for the daemon's life, so that one daemon owns it.
    private let lock: OwnedDescriptor?
    let readiness = Atomic<Bool>(false)
    private let metricsStatus = Mutex(ListenerStatus.off)
    let controllers = PodControllers()
    let layerTrials = LayerTrials()
    let gate: StageGate
    let lastAudit = Mutex(
        Audit(fresh: false, takenAt: Timestamp(milliseconds: 0), revision: 0, resources: []))

    /// Takes the run directory's lock, mounts a tmpfs if the directory is not on one, opens the
    /// store and loads the records. It starts nothing except the looks at the runtime.
    package init(_ settings: EngineSettings) throws(EngineFailure) {
        self.settings = settings
        layout = Layout(settings: settings)
        log = Log(settings.logLevel)
        gate = StageGate(places: settings.stagePlaces, metrics)
        let wasUsed = RunDirectory.wasUsed(layout)
        do throws(SystemCallFailure) {
            lock = try RunDirectory.prepare(layout, log)
        } catch {
            throw EngineFailure(RunDirectory.advice(error, settings))
        }
        do throws(SystemCallFailure) { runtime = try RuntimeWatch(layout, log, metrics) } catch {
            throw EngineFailure("\(error)")
        }
        // The looks run while the records are read.
        runtime.start()
        let opened: (store: Store, damage: StoreDamage?)
        do throws(StoreFailure) { opened = try Engine.openStore(layout) } catch {
            throw EngineFailure("the store \(layout.store) cannot be opened: \(error)")
        }
        registry = try Registry(
            opened.store, limits: settings.limits, reserve: Reserve(path: layout.reserve),
            damage: opened.damage?.description, hasLostStore: opened.store.isNew && wasUsed)
        registry.reserve?.hold()
        let facts = try HostInfo(settings)
        host = LinuxHost(facts, layout, runtime)
        fixedInfo = facts.info
        metrics.seccompProfile.set(1, settings.seccomp.source)
        metrics.exportKnownSeries()
        noteDamage()
    }

    /// Opens the store. If a process other than a daemon holds a lock on it, the daemon ignores
    /// that lock (law 25).
    private static func openStore(
        _ layout: Layout
    ) throws(StoreFailure) -> (store: Store, damage: StoreDamage?) {
        let path = layout.store
        let adopted = { podsByFolder(layout) }
        do throws(StoreFailure) { return try Store.opening(path: path, adopting: adopted) } catch {
            guard error.isLock else { throw error }
            let holder = Files.lockHolder(path).flatMap { ProcFS.command(of: $0) }
            if holder == ProcFS.command(of: OwnProcess.pid) { throw error }
            return try Store.opening(path: path, ignoringLocks: true, adopting: adopted)
        }
    }

    /// Makes a record for each pod that has a folder. The record has no content, so the pod is
    /// lost: a cleanup removes what it holds, and the record waits for the client's DELETE.
    private static func podsByFolder(_ layout: Layout) -> [PodRecord] {
        do throws(SystemCallFailure) {
            return try Files.names(in: layout.pods).compactMap { UID(ours: $0) }.map {
                PodRecord(uid: $0.recordID, name: "\($0)", document: [])
            }
        } catch { return [] }
    }

    /// Makes an engine on another host, such as a test's `SimulatedHost`.
    package init(
        _ settings: EngineSettings, _ store: sending any RecordKeeping, _ host: any Host,
        log: Log? = nil
    ) throws(EngineFailure) {
        self.settings = settings
        layout = Layout(settings: settings)
        self.log = log ?? Log(settings.logLevel)
        gate = StageGate(places: settings.stagePlaces, metrics)
        lock = nil
        registry = try Registry(store, limits: settings.limits)
        self.host = host
        runtime = RuntimeWatch(assuming: .inMemory(settings.runtime), layout, metrics)
        fixedInfo = EngineInfo(
            runtimePath: settings.runtime, kernelRelease: "0", cgroup: "v2", hasCgroupKill: false,
            bootID: "", seccomp: settings.seccomp, limits: settings.limits, nestsCPULimits: false,
            hasMountAttributes: true)
        metrics.exportKnownSeries()
        noteDamage()
    }

    private func noteDamage() {
        for text in registry.damage {
            log.write(.error, "the store is damaged", ["why": text])
            metrics.storeDamaged.set(1)
        }
    }

    /// The TCP address that serves the metrics, or the reason why none does.
    package var metricsListener: ListenerStatus { metricsStatus.withLock { $0 } }

    /// Stores the new status, and returns the former one.
    package func noteMetricsListener(_ status: ListenerStatus) -> ListenerStatus {
        metricsStatus.withLock { known in
            defer { known = status }
            return known
        }
    }

    package var isReady: Bool { readiness.load(ordering: .acquiring) }

    /// The facts at the moment of the call.
    package var info: EngineInfo {
        var info = fixedInfo
        let status = runtime.status
        info.runtimePath = status.runtimePath ?? info.runtimePath
        info.refusal = status.refusal
        guard let facts = status.runtime.value else { return info }
        info.runtimeName = facts.version.name
        info.runtimeVersion = facts.version.version
        info.runtimeCommit = facts.version.commit
        info.recursiveReadOnly = info.hasMountAttributes && facts.hasRecursiveReadOnly
        return info
    }

    /// Why creates are refused; `nil` if they are accepted.
    package var refusal: String? { runtime.status.refusal }

    /// Waits for the first looks at what creates need, at most `milliseconds` for each. Call it
    /// before `start`, because the adoptions of `start` keep the loop busy.
    package func awaitFirstLooks(milliseconds: CInt) {
        ignoring("then the start does not wait") { () throws(SystemCallFailure) in
            let trial = try FirstLook()
            onLoop {
                await self.layerTrials.tryNow(self)
                trial.end()
            }
            runtime.waitForFirstLook(milliseconds: milliseconds)
            trial.wait(milliseconds: milliseconds)
        }
    }

    /// Adopts the live shims and continues the open operations, in the background. Calls
    /// `whenReady` on the loop once mutations are accepted.
    package func start(_ whenReady: @escaping @Sendable () -> Void = {}) {
        onLoop { await self.controllers.recover(self, whenReady) }
    }

    /// Calls `body` on the loop's thread after `milliseconds`.
    package func after(milliseconds: Int64, _ body: @escaping @Sendable () -> Void) {
        Loop.shared.reactor.after(milliseconds: milliseconds, body)
    }

    /// Calls `body` on the loop's thread after one whole turn: its jobs ran, its descriptors were
    /// checked, its due timers fired. A watchdog uses it to know that the loop turns.
    package func whenLoopTurns(_ body: @escaping @Sendable () -> Void) {
        Loop.shared.reactor.after(milliseconds: 0, body)
    }

    /// Called when the daemon ends. Pods stay; the parent cgroup is removed if it contains no pod.
    package func leave() { host.leave() }

    /// Tells the pod's controller that there is something to do.
    func wake(_ pod: UID) {
        onLoop { self.controllers.controller(of: pod, self).schedule() }
    }

    /// The context of the operations that the daemon begins itself.
    var ownContext: RequestContext {
        RequestContext(
            requester: Requester(pid: OwnProcess.pid, uid: 0, gid: 0, command: "staunchd"),
            operationID: nil, fingerprint: 0, instance: "", ifMatch: nil)
    }
}
