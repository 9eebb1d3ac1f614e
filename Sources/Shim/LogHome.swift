// Where a task's log is: in files of the daemon's, which are rotated, or in a file of a client's,
// which the client renames and removes.

import Kernel
import Linux
import ShimProtocol

enum LogHome {
    case own(LogNames)
    case client(ClientLog)

    /// The log's directory, which readers watch.
    var directory: String {
        switch self {
        case .own(let names): names.directory
        case .client(let log): Files.parent(of: log.path) ?? "/"
        }
    }

    /// Opens the current file for the writer. Makes the file if it is missing, but no directory of
    /// a client's.
    func open() throws(FileRefused) -> OwnedDescriptor {
        switch self {
        case .own(let names):
            do throws(SystemCallFailure) {
                try Files.makeDirectories(names.directory, mode: 0o750)
                // O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW
                return try OwnedDescriptor.opening(
                    names.current, 0o2 | 0o100 | 0o2000 | 0o400000, mode: 0o640)
            } catch { throw FileRefused(error) }
        case .client(let log): return try log.file.appending(mode: 0o640)
        }
    }
}

extension ClientLog {
    var file: ClientFile { ClientFile(path, below: root) }
}

extension FileRefused {
    init(_ failure: SystemCallFailure) { self.init(detail: failure.description) }
}
