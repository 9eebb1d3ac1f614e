// The engine: what the API drives. Requests come in on any thread and are recorded at once; the
// work is done on the loop, by one owner for each pod.

import Documents
import Linux
package import Metrics
import Model
import OCI
import Store
import Synchronization

package final class Engine: Sendable {
    let settings: EngineSettings
    let layout: Layout
    let registry: Registry
    package let metrics = Metrics()
    package let log: Log
    package let info: EngineInfo
    let host: Host
    /// Held for as long as the daemon lives: one daemon for a run directory.
    private let lock: OwnedDescriptor
    let readiness = Atomic<Bool>(false)
    let owners = Owners()
    let lastAudit: Mutex<Audit>

    /// Takes the run directory's lock, mounts a tmpfs there where it does not stand on one, opens
    /// the store and loads the records. Nothing is started yet.
    package init(_ settings: EngineSettings) throws(EngineFailure) {
        self.settings = settings
        layout = Layout(settings: settings)
        log = Log(settings.logLevel)
        do throws(SystemCallFailure) {
            lock = try RunDirectory.prepare(layout)
        } catch {
            throw EngineFailure(RunDirectory.advice(error, settings))
        }
        let store: Store
        do throws(StoreFailure) { store = try Store(path: layout.store) } catch {
            throw EngineFailure("the store \(layout.store) cannot be opened: \(error)")
        }
        registry = try Registry(store, limits: settings.limits)
        host = try Host(settings, layout)
        info = host.info
        lastAudit = Mutex(
            Audit(fresh: false, takenAt: Timestamp(milliseconds: 0), revision: 0, resources: []))
    }

    package var isReady: Bool { readiness.load(ordering: .acquiring) }

    /// Adopts the shims that live, and goes on with the operations that stand open, in the
    /// background.
    package func start() {
        onLoop { await self.owners.recover(self) }
    }

    /// For the daemon's end: pods stay, and a parent cgroup without any goes.
    package func leave() {
        for hierarchy in host.hierarchies {
            ignoring("it has pods in it, or was never made") { () throws(SystemCallFailure) in
                try Files.removeDirectory(hierarchy.directory(settings.cgroupParent))
            }
        }
    }

    /// Tells the pod's owner that there is something to do.
    func wake(_ pod: UID) {
        onLoop { self.owners.owner(of: pod, self).pump() }
    }
}
