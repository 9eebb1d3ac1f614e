// Why the store could not do what was asked, as cases that a caller can act on.

package enum StoreFailure: Error, Equatable, Sendable {
    /// No room on the file system (ENOSPC), or in the file. Nothing of the change stands; it can be
    /// tried again once there is room.
    case full
    /// The file is damaged, or no store of ours. It is left as it is, for a person to look at.
    case corrupt(String)
    /// A later version wrote the file: this one would misread it.
    case newerSchema(found: Int64, known: Int64)
    /// SQLite's extended result code and message (https://www.sqlite.org/rescode.html).
    case other(code: Int32, message: String)
}

extension StoreFailure {
    /// Another process has a lock on the file (SQLITE_BUSY).
    package var isLock: Bool {
        switch self {
        case .other(let code, _): code & 0xff == 5
        case .full, .corrupt, .newerSchema: false
        }
    }
}
