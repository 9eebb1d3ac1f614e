// The file of a task that its shim restarts: the exit of each attempt. A daemon learns the exits
// from it if the shim is gone.
//
// The record of an attempt has `TaskExit.fileSize` bytes, and is at that many times the attempt's
// number. The shim keeps its place before the attempt begins, and frees the beginning of the file
// when a daemon has stored what was there.

package import Kernel

package enum AttemptFile {
    /// The file's name in the task's bundle.
    package static let name = "exits"

    /// The place of an attempt whose exit is not stored yet.
    package static let begun = [255] + [UInt8](repeating: 0, count: TaskExit.fileSize - 1)

    /// The place of an attempt that did not begin.
    package static let none = [UInt8](repeating: 0, count: TaskExit.fileSize)

    /// The position of an attempt's record.
    package static func position(of attempt: UInt32) -> Int64 {
        Int64(attempt) * Int64(TaskExit.fileSize)
    }

    /// One record of the file.
    package enum Record: Equatable, Sendable {
        /// The attempt has not begun, or its exit was freed.
        case none
        /// The attempt may have begun, and its exit is not stored.
        case begun
        case exit(TaskExit)
    }

    /// Parses the record of one attempt. A record that cannot be parsed contains no exit.
    package static func parse(_ record: [UInt8]) -> Record {
        guard record.first != 255 else { return .begun }
        do throws(WireFault) {
            return try TaskExit.parse(fileContent: record).map { .exit($0) } ?? .none
        } catch { return .begun }
    }
}
