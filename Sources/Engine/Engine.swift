// The engine, which the API drives. A request comes in on any thread and is recorded at once. One
// controller for each pod does the work, on the loop.

import Documents
import EventLoop
package import Host
import Kernel
package import Metrics
import Model
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
    let settings: Settings
    let layout: Layout
    let registry: Registry
    package let metrics: Metrics
    package let log: Log
    package let host: any Host
    let readiness = Atomic<Bool>(false)
    private let metricsStatus = Mutex(ListenerStatus.off)
    let controllers = PodControllers()
    let networkControllers = NetworkControllers()
    let layerTrials = LayerTrials()
    let configurations = NetworkConfigurations()
    let attachmentGarbage = AttachmentGarbage()
    let statisticsReader = StatisticsReader()
    let logFollowers = LogFollowers()
    let execCalls = ExecCalls()
    let gate: StageGate
    let lastAudit = Mutex(
        Audit(fresh: false, takenAt: Timestamp(milliseconds: 0), revision: 0, resources: []))

    /// Loads the records, and starts nothing.
    ///
    /// - Parameters:
    ///   - damage: what of the store could not be read when it was opened.
    ///   - hasLostStore: whether an earlier daemon of this boot had a store that is lost.
    package init(
        _ settings: Settings, _ store: sending any RecordKeeping, _ host: any Host,
        _ metrics: Metrics = Metrics(), log: Log, damage: String? = nil,
        hasLostStore: Bool = false
    ) throws(StartFailure) {
        self.settings = settings
        layout = Layout(settings: settings)
        self.log = log
        self.metrics = metrics
        gate = StageGate(places: settings.stagePlaces, metrics)
        registry = try Registry(
            store, limits: settings.limits, reserve: host.reserve, damage: damage,
            hasLostStore: hasLostStore)
        registry.reserve?.hold()
        self.host = host
        metrics.seccompProfile.set(1, settings.seccomp.source)
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

    package var limits: Limits { settings.limits }
    package var logRoots: [String] { settings.logRoots }

    /// The facts at the moment of the call.
    package var info: HostInfo { host.info }

    /// Why creates are refused; `nil` if they are accepted.
    package var refusal: String? { info.refusal }

    /// Waits for the first looks at what creates need, at most `milliseconds` for each. Call it
    /// before `start`, because the adoptions of `start` keep the loop busy.
    package func awaitFirstLooks(milliseconds: Int32) {
        ignoring("then the start does not wait") { () throws(SystemCallFailure) in
            let trial = try LoopSignal()
            onLoop {
                await self.layerTrials.tryNow(self)
                trial.send()
            }
            host.awaitFirstLook(milliseconds: milliseconds)
            trial.wait(milliseconds: milliseconds)
        }
    }

    /// Adopts the live shims and continues the open operations, in the background. Calls
    /// `whenReady` on the loop once mutations are accepted.
    package func start(_ whenReady: @escaping @Sendable () -> Void = {}) {
        onLoop {
            self.followConfigurations()
            if self.settings.collectsGarbage { self.attachmentGarbage.begin(self) }
            await self.controllers.recover(self, whenReady)
        }
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

    /// Tells the controller of a pod or a network that there is something to do.
    func wake(_ owner: UID) { onLoop { self.schedule(owner) } }

    @Loop func schedule(_ owner: UID) {
        if registry.isNetwork(owner) {
            networkControllers.controller(of: owner, self).schedule()
        } else {
            controllers.controller(of: owner, self).schedule()
        }
    }

    /// The context of the operations that the daemon begins itself.
    var ownContext: RequestContext {
        RequestContext(
            requester: Requester(pid: info.daemonPID, uid: 0, gid: 0, command: "staunchd"),
            operationID: nil, fingerprint: 0, ifMatch: nil)
    }
}
