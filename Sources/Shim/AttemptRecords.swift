// The exits of a task that the shim restarts, in a file of its bundle: see `AttemptFile`.

import Kernel
import Linux
import ShimProtocol

struct AttemptRecords {
    let path: String

    /// Makes the file empty. The daemon has stored all exits of an earlier shim.
    func prepare() throws(SystemCallFailure) { try Files.replace(path, []) }

    /// Keeps the place of the exit of an attempt that is about to begin, so that its end needs no
    /// space.
    func begin(_ attempt: UInt32) throws(SystemCallFailure) {
        try write(AttemptFile.begun, attempt)
    }

    /// The attempt did not begin.
    func withdraw(_ attempt: UInt32) throws(SystemCallFailure) {
        try write(AttemptFile.none, attempt)
    }

    func store(_ exit: TaskExit, of attempt: UInt32) throws(SystemCallFailure) {
        let content = exit.fileContent()
        let rest = [UInt8](repeating: 0, count: TaskExit.fileSize - content.count)
        try write(content + rest, attempt)
    }

    /// Returns the stored exits of these attempts. If the file was damaged, the exit of an
    /// attempt that cannot be read is unknown.
    func exits(_ attempts: ClosedRange<UInt32>) -> [AttemptExit] {
        var content: [UInt8] = []
        let limit = attempts.count * TaskExit.fileSize
        ignoring("the exits are then unknown") { () throws(SystemCallFailure) in
            let file = try OwnedDescriptor.opening(path, AttemptRecords.nonblocking)
            content = try file.read(
                at: Int(AttemptFile.position(of: attempts.lowerBound)), limit: limit)
        }
        var found: [AttemptExit] = []
        for attempt in attempts {
            let start = min(found.count * TaskExit.fileSize, content.count)
            let record = content[start..<min(start + TaskExit.fileSize, content.count)]
            var exit = TaskExit(
                status: .unknown, oomKilled: false, finishedAt: SystemClock.wall)
            if case .exit(let known) = AttemptFile.parse(Array(record)) { exit = known }
            found.append(AttemptExit(attempt: attempt, exit))
        }
        return found
    }

    /// Frees the space of the exits before this attempt's.
    func forget(before attempt: UInt32) throws(SystemCallFailure) {
        let file = try OwnedDescriptor.opening(path, 1 | AttemptRecords.nonblocking)
        try file.free(first: AttemptFile.position(of: attempt))
    }

    /// O_NONBLOCK: a FIFO in the file's place would be waited for.
    private static let nonblocking: CInt = 0o4000

    private func write(_ record: [UInt8], _ attempt: UInt32) throws(SystemCallFailure) {
        // O_WRONLY | O_CREAT
        let file = try OwnedDescriptor.opening(
            path, 1 | 0o100 | AttemptRecords.nonblocking, mode: 0o600)
        try file.write(record, at: AttemptFile.position(of: attempt))
    }
}
