//  Replaces a damaged store by the one made from it, and survives a crash at any step:
//
//      damaged ──> salvaging ──> salvaged ──> whole       [Store.opening, prepare, commit, finish]
//      damaged:    * `path` and its log are unchanged, and are only read
//      salvaging:  * `path.salvaging` is being filled; the next start removes it
//      salvaged:   * `path.salvaged` is whole; the next start continues with `finish`
//      whole:      * it is at `path`, the old file at `path.damaged-N`

import Bytes
import Glibc

struct SetAside {
    let path: String

    /// The number of damaged files kept, the newest: they take memory on a tmpfs.
    static let kept = 4

    private static let companions = ["-wal", "-journal"]

    var unfinished: String { path + ".salvaging" }
    private var whole: String { path + ".salvaged" }
    private var reserve: String { path + ".reserve" }

    var isWhole: Bool { exists(whole) }

    /// Removes the files of an interrupted salvage, and the oldest damaged files.
    func prepare() {
        for name in [reserve, unfinished] + SetAside.companions.map({ unfinished + $0 }) {
            remove(name)
        }
        for number in numbers().dropLast(SetAside.kept - 1) {
            for suffix in [""] + SetAside.companions { remove(name(number) + suffix) }
        }
    }

    /// Reserves space for the new store's first commits, because the salvage may take all the rest.
    /// Without any, not even a delete could be recorded. A quarter of the free space, at most 0.5
    /// MiB.
    func holdReserve() {
        let descriptor = unsafe open(reserve, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        var room = statvfs()
        // SAFETY: `room` is written before the call returns, and not kept.
        guard unsafe fstatvfs(descriptor, &room) == 0 else { return }
        let free = UInt64(room.f_bavail) * UInt64(room.f_bsize)
        _ = posix_fallocate(descriptor, 0, off_t(max(1, min(512 << 10, free / 4))))
    }

    func dropReserve() { remove(reserve) }

    /// From here on the new store counts.
    func commit() throws(StoreFailure) { try move(unfinished, whole) }

    /// Moves the new store into place; returns the old one's new path. Can be repeated from any
    /// step.
    func finish() throws(StoreFailure) -> String {
        let aside = name((numbers().last ?? 0) + 1)
        for suffix in SetAside.companions + [""] where exists(path + suffix) {
            try move(path + suffix, aside + suffix)
        }
        try move(whole, path)
        return aside
    }

    private func name(_ number: Int) -> String { "\(path).damaged-\(number)" }

    /// The numbers of the existing damaged files, the lowest first.
    private func numbers() -> [Int] {
        let place = path.cutAtLast("/")
        let folder = place.map { $0.before + "/" } ?? "."
        let prefix = (place?.after ?? path) + ".damaged-"
        // SAFETY: the stream is closed below, and each entry's name is copied before the next.
        guard let stream = unsafe opendir(folder) else { return [] }
        defer { unsafe closedir(stream) }
        var numbers: Set<Int> = []
        while let entry = unsafe readdir(stream) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { start in
                unsafe start.withMemoryRebound(to: CChar.self, capacity: 256) { characters in
                    unsafe String(cString: characters)
                }
            }
            // Includes SQLite's companion files, such as `-wal`.
            let digits = name.after(prefix)?.upTo("-") ?? ""
            if let number: Int = digits.utf8.decimal() { numbers.insert(number) }
        }
        return numbers.sorted()
    }

    private func exists(_ path: String) -> Bool {
        var status = stat()
        // SAFETY: `status` is written before the call returns, and not kept.
        return unsafe lstat(path, &status) == 0
    }

    /// A file that cannot be removed stays: it does no harm.
    private func remove(_ path: String) { _ = unsafe unlink(path) }

    private func move(_ from: String, _ to: String) throws(StoreFailure) {
        guard unsafe rename(from, to) != 0 else { return }
        let why = errno
        if why == ENOSPC { throw .full }
        throw .other(code: why, message: "rename \(from) to \(to): errno \(why)")
    }
}
