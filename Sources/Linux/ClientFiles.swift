// Files of clients, below a directory that the operator allows and in which others may write.
//
// No symbolic link below that directory is followed, because it would lead the daemon's rights
// elsewhere. Nothing but a regular file with one name is opened, because opening a device may have
// effects.

import CLinux
import Failpoints
import Glibc
import Kernel

/// Why a file of a client's is not opened.
package struct FileRefused: Error, Equatable {
    /// For people.
    package let detail: String

    package init(detail: String) { self.detail = detail }
}

/// May block on the directory's disk: only for helpers.
package struct ClientFile: Sendable {
    private let root: String
    private let path: String

    /// `path` is below `root`; both are absolute.
    package init(_ path: String, below root: String) {
        self.path = path
        self.root = root
    }

    /// Opens the file for reading; `nil` if it does not exist.
    package func reading() throws(FileRefused) -> OwnedDescriptor? {
        guard let found = try find() else { return nil }
        return try reopen(found, O_RDONLY)
    }

    /// Opens the file for reading and for writing at its end. Makes it with this mode, if it does
    /// not exist.
    package func appending(mode: UInt32) throws(FileRefused) -> OwnedDescriptor {
        // Others may make or remove it between the calls.
        for _ in 0..<8 {
            if let found = try find() { return try reopen(found, O_RDWR | O_APPEND) }
            if let made = try make(mode) { return made }
        }
        throw FileRefused(detail: "\(path) is made and removed by another program")
    }

    /// What stat(2) tells of the file that has the name now; `nil` if there is none, or if it
    /// cannot be a log.
    package func status() -> FileStatus? {
        do throws(FileRefused) {
            guard let found = try find() else { return nil }
            return try told { () throws(SystemCallFailure) in try found.status() }
        } catch { return nil }
    }

    private var names: [RootDirectory.Name] {
        Array(
            RootDirectory.names(in: path.utf8)
                .dropFirst(RootDirectory.names(in: root.utf8).count))
    }

    private func openRoot() throws(FileRefused) -> OwnedDescriptor {
        do { return try OwnedDescriptor.directory(root) } catch {
            guard error.errno == ENOENT else { throw refusal(error) }
            throw FileRefused(detail: "the directory \(root) does not exist: create it first")
        }
    }

    /// With O_PATH, which has no effect on the file.
    private func find() throws(FileRefused) -> OwnedDescriptor? {
        let base = try openRoot()
        let found = try told { () throws(SystemCallFailure) in
            try base.beneath(self.names, followsLinks: false)
        }
        guard let found else { return nil }
        let status = try told { () throws(SystemCallFailure) in try found.status() }
        if status.kind == .link { throw refusal(ELOOP) }
        guard status.kind == .file else {
            throw FileRefused(detail: "\(path) is not a regular file")
        }
        guard status.links <= 1 else {
            throw FileRefused(detail: "\(path) is a hard link: the file has other names, too")
        }
        return found
    }

    private func reopen(
        _ found: borrowing OwnedDescriptor, _ flags: CInt
    ) throws(FileRefused) -> OwnedDescriptor {
        let number = found.number
        return try told { () throws(SystemCallFailure) in
            try OwnedDescriptor.opening("/proc/self/fd/\(number)", flags)
        }
    }

    /// Returns `nil` if the file exists.
    private func make(_ mode: UInt32) throws(FileRefused) -> OwnedDescriptor? {
        let base = try openRoot()
        let text = Array(names.joined(separator: [47])).map { CChar(bitPattern: $0) } + [0]
        let flags = UInt64(O_RDWR | O_APPEND | O_NOFOLLOW | O_CLOEXEC)
        let number = base.number
        // SAFETY: the array lives for the call, and ends with 0.
        let made = effect("log.make", [.storage, .descriptor]) {
            unsafe clinux_create_beneath(number, text, flags, UInt64(mode))
        }
        if made < 0 && errno == EEXIST { return nil }
        return OwnedDescriptor(
            adopting: try told { () throws(SystemCallFailure) in
                try check(made, "openat2", self.path)
            })
    }

    private func told<Result: ~Copyable>(
        _ body: () throws(SystemCallFailure) -> Result
    ) throws(FileRefused) -> Result {
        do throws(SystemCallFailure) { return try body() } catch { throw refusal(error) }
    }

    private func refusal(_ failure: SystemCallFailure) -> FileRefused {
        switch failure.errno {
        case ENOENT, ELOOP, ENOTDIR: refusal(failure.errno)
        case let errno: FileRefused(detail: "\(path): \(failure.call) failed, errno \(errno)")
        }
    }

    private func refusal(_ errno: CInt) -> FileRefused {
        switch errno {
        case ENOENT: FileRefused(detail: "the directory of \(path) does not exist: create it first")
        case ENOTDIR:
            FileRefused(detail: "\(path): a name on the way below \(root) is not a directory")
        default:
            FileRefused(
                detail: "\(path): below \(root) is a symbolic link, and none is followed there")
        }
    }
}
