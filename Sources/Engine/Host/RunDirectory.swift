// The run directory: on tmpfs, so that state never waits for a disk, and locked by one daemon.

import Bytes
import Linux

enum RunDirectory {
    /// Makes what is missing; returns the lock, which is held until it is closed.
    static func prepare(_ layout: Layout, _ log: Log) throws(SystemCallFailure) -> OwnedDescriptor {
        let run = layout.settings.runDirectory
        // The socket is for others, too; whatever else is in it is not (law 24).
        try Files.makeDirectories(run, mode: 0o711)
        // Debian's own /run is a tmpfs from which nothing can be run, and the shim is to be. One
        // that has our lock is never mounted over, because the records and the pods' sockets are in
        // it: creates are refused until its noexec is taken back.
        let (isInMemory, isNoexec) = (try Mounts.isOnTmpfs(run), try Mounts.isNoexec(run))
        if !isInMemory || isNoexec && !wasUsed(layout) {
            try Mounts.tmpfs(at: run, options: "mode=0711")
        }
        let lock = try OwnedDescriptor.opening(layout.lock, 0o102, mode: 0o600)  // O_RDWR|O_CREAT
        guard try takes(lock) else {
            throw SystemCallFailure(call: "flock", subject: layout.lock, errno: 11)
        }
        try Files.makeDirectory(layout.pods)
        try Files.makeDirectory(layout.shims.directory)
        try tighten(layout, log)
        return lock
    }

    /// Whether a daemon has been here before in this boot, with which the directory goes.
    static func wasUsed(_ layout: Layout) -> Bool {
        do throws(SystemCallFailure) { return try Files.exists(layout.lock) } catch { return true }
    }

    /// Daemons from before made the store with the mode 0644, so that any user could read the
    /// environment of each pod, and lock the file. What cannot be closed (a file that is mounted
    /// there, or immutable) is told, and keeps nobody from starting.
    private static func tighten(_ layout: Layout, _ log: Log) throws(SystemCallFailure) {
        let run = layout.settings.runDirectory
        let directory = try OwnedDescriptor.directory(run)
        let folders = [layout.pods, layout.shims.directory].map { Array($0.utf8) }
        for entry in try directory.entries(subject: run) {
            let path = Array("\(run)/".utf8) + entry.bytes
            do throws(SystemCallFailure) {
                let file = try directory.file(entry.name, subject: "entry")
                try file.narrow(to: folders.contains(path) ? 0o700 : 0o600)
            } catch {
                // ENXIO, ELOOP: neither a socket nor a link can be opened, and neither needs it.
                if [6, 40].contains(error.errno) { continue }
                log.write(
                    .warning, "a file's mode stays as it is",
                    ["path": String(decoding: path, as: UTF8.self), "why": "\(error)"])
            }
        }
    }

    /// A daemon that was killed while it spawned leaves a child that has the lock, too, until its
    /// exec: so the lock is asked for again, for two seconds, before somebody else is said to run.
    private static func takes(_ lock: borrowing OwnedDescriptor) throws(SystemCallFailure) -> Bool {
        for _ in 0..<100 {
            if try lock.tryLock() { return true }
            SystemClock.pause(milliseconds: 20)
        }
        return try lock.tryLock()
    }

    static func advice(_ failure: SystemCallFailure, _ settings: EngineSettings) -> String {
        switch (failure.call, failure.errno) {
        case ("flock", _):
            "another staunchd runs on \(settings.runDirectory); stop it, or choose --run-dir"
        case (_, 1), (_, 13): "\(failure); staunchd must run as root"
        case (_, _): "\(failure)"
        }
    }
}
