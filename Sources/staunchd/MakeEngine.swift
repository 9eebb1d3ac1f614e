// Makes the engine from its parts: the host, the store and the log.

import Engine
import Host
import Kernel
import Linux
import LinuxHost
import Metrics
import Model
import Store

func makeEngine(_ settings: Settings) throws(StartFailure) -> Engine {
    let (metrics, log) = (Metrics(), Log(settings.logLevel, to: StandardError.write))
    // The host comes first, because it locks the run directory, which contains the store.
    let host = try LinuxHost(settings, metrics, log)
    let layout = Layout(settings: settings)
    let opened: (store: Store, damage: StoreDamage?)
    do throws(StoreFailure) { opened = try openStore(layout) } catch {
        throw StartFailure("the store \(layout.store) cannot be opened: \(error)")
    }
    return try Engine(
        settings, opened.store, host, metrics, log: log, damage: opened.damage?.description,
        hasLostStore: opened.store.isNew && host.wasUsed)
}

/// Opens the store. If a process other than a daemon holds a lock on it, the daemon ignores that
/// lock (law 25).
private func openStore(
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

/// Makes a record for each pod that has a folder. The record has no content, so the pod is lost: a
/// cleanup removes what it holds, and the record waits for the client's DELETE.
private func podsByFolder(_ layout: Layout) -> [PodRecord] {
    do throws(SystemCallFailure) {
        return try Files.names(in: layout.pods).compactMap { UID(ours: $0) }.map {
            PodRecord(uid: $0.recordID, name: "\($0)", document: [])
        }
    } catch { return [] }
}
