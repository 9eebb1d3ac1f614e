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
        try Files.makeDirectory(layout.programs)
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
        let folders = [layout.pods, layout.programs].map { Array($0.utf8) }
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

    /// Copies the shim's program under a name that follows from its content, so that starting it
    /// never waits for a disk, and an upgrade takes nothing from under a living pod. Copies of
    /// before stay: whatever is wrong with the new program, deletes need one that works.
    static func installShim(_ layout: Layout) throws(SystemCallFailure) -> String {
        let source = try Files.program(layout.settings.shim, in: [])
        let program = try Files.readRegular(source.path, limit: 64 << 20)
        let directory = "\(layout.programs)/\(contentName(program))"
        let path = directory + "/staunch-shim"
        if Files.isExecutable(path), try Files.readRegular(path, limit: 64 << 20) == program {
            return path
        }
        try Files.makeDirectories(directory)
        try Files.replace(path, program, mode: 0o700)
        return path
    }

    /// Any copy of before; `nil` if there is none.
    static func olderShim(_ layout: Layout) throws(SystemCallFailure) -> String? {
        try Files.names(in: layout.programs).sorted()
            .map { "\(layout.programs)/\($0)/staunch-shim" }.first(where: Files.isExecutable)
    }

    static func removeShim(_ layout: Layout, _ path: String) {
        guard let directory = Files.parent(of: path), let name = directory.cutAtLast("/")?.after
        else { return }
        ignoring("it is never taken for one that works while another is there") {
            () throws(SystemCallFailure) in try Tree.remove(name, in: layout.programs)
        }
    }

    /// What runs of an older copy keeps its pages; only the name goes.
    static func removeShims(_ layout: Layout, but path: String) {
        ignoring("an old copy costs room, and harms nobody") { () throws(SystemCallFailure) in
            for other in try Files.names(in: layout.programs)
            where "\(layout.programs)/\(other)/staunch-shim" != path {
                try Tree.remove(other, in: layout.programs)
            }
        }
    }

    /// FNV-1a of eight bytes at a time: a name, not a seal.
    private static func contentName(_ bytes: [UInt8]) -> String {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        var word: UInt64 = 0
        for (index, byte) in bytes.enumerated() {
            word = word << 8 | UInt64(byte)
            if index % 8 == 7 {
                hash = (hash ^ word) &* 0x100_0000_01b3
                word = 0
            }
        }
        hash = (hash ^ word ^ UInt64(bytes.count)) &* 0x100_0000_01b3
        return String(hash, radix: 16)
    }
}
