// The store's failures, as cases that a caller can act on.

package enum StoreFailure: Error, Equatable, Sendable {
    /// No space on the file system (ENOSPC), or in the file. Nothing of the change is stored; try
    /// again when there is space.
    case full
    /// The file is damaged, or not a store of ours. It is left unchanged, for a person to inspect.
    case corrupt(String)
    /// A later version wrote the file: this version would misread it.
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
