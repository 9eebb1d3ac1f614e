// The run directory: it is on tmpfs, so that state never waits for a disk, and one daemon locks it.

import Bytes
import Host
import Kernel
import Linux

enum RunDirectory {
    /// Makes what is missing. Returns the lock, which is held until it is closed.
    static func prepare(_ layout: Layout, _ log: Log) throws(SystemCallFailure) -> OwnedDescriptor {
        let run = layout.settings.runDirectory
        // Other users may reach the socket, but nothing else in the directory (law 24).
        try Files.makeDirectories(run, mode: 0o711)
        // The shim runs from this directory, but Debian mounts /run noexec. A tmpfs that has our
        // lock is never mounted over, because it contains the records and the pods' sockets.
        // Creates are then refused until its noexec is removed.
        let (isInMemory, isNoexec) = (try Mounts.isOnTmpfs(run), try Mounts.isNoexec(run))
        if !isInMemory || isNoexec && !wasUsed(layout) {
            try Mounts.tmpfs(at: run, options: "mode=0711")
        }
        let lock = try OwnedDescriptor.opening(layout.lock, 0o102, mode: 0o600)  // O_RDWR|O_CREAT
        guard try takes(lock) else {
            throw SystemCallFailure(call: "flock", subject: layout.lock, errno: 11)
        }
        try Files.makeDirectory(layout.pods)
        try Files.makeDirectory(layout.shimCopies.directory)
        try tighten(layout, log)
        return lock
    }

    /// Whether a daemon used this directory earlier in this boot. The directory does not survive a
    /// boot.
    static func wasUsed(_ layout: Layout) -> Bool {
        do throws(SystemCallFailure) { return try Files.exists(layout.lock) } catch { return true }
    }

    /// Narrows the modes of the files. Earlier daemons made the store with mode 0644, so any user
    /// could read each pod's environment and lock the file. A mode that cannot be changed (a
    /// mounted or immutable file) is logged, and does not stop the start.
    private static func tighten(_ layout: Layout, _ log: Log) throws(SystemCallFailure) {
        let run = layout.settings.runDirectory
        let directory = try OwnedDescriptor.directory(run)
        let folders = [layout.pods, layout.shimCopies.directory].map { Array($0.utf8) }
        for entry in try directory.entries(subject: run) {
            let path = Array("\(run)/".utf8) + entry.bytes
            do throws(SystemCallFailure) {
                let file = try directory.file(entry.name, subject: "entry")
                try file.narrow(to: folders.contains(path) ? 0o700 : 0o600)
            } catch {
                // ENXIO, ELOOP: a socket or a link cannot be opened, and does not need a narrower
                // mode.
                if [6, 40].contains(error.errno) { continue }
                log.write(
                    .warning, "a file's mode stays as it is",
                    ["path": String(decoding: path, as: UTF8.self), "why": "\(error)"])
            }
        }
    }

    /// Tries for two seconds to take the lock. A daemon that was killed while it spawned leaves a
    /// child that holds the lock until its exec.
    private static func takes(_ lock: borrowing OwnedDescriptor) throws(SystemCallFailure) -> Bool {
        for _ in 0..<100 {
            if try lock.tryLock() { return true }
            SystemClock.pause(milliseconds: 20)
        }
        return try lock.tryLock()
    }

    static func advice(_ failure: SystemCallFailure, _ settings: Settings) -> String {
        switch (failure.call, failure.errno) {
        case ("flock", _):
            "another staunchd runs on \(settings.runDirectory); stop it, or choose --run-dir"
        case (_, 1), (_, 13): "\(failure); staunchd must run as root"
        case (_, _): "\(failure)"
        }
    }
}
