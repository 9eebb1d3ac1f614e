// The file by which the daemon, and the next one, see how far a helper is.

import Kernel
import LayerProtocol
import Linux

/// Writes a `LayerProgress` at most five times a second.
final class ProgressFile {
    let number: CInt?
    private let file: OwnedDescriptor?
    private var nextTime: Int64 = 0

    /// Nanoseconds.
    private static let interval: Int64 = 200_000_000

    /// `nil`: nothing is written.
    init(_ number: CInt?) {
        self.number = number
        file = number.map { OwnedDescriptor(adopting: $0) }
    }

    /// `isLast`: written whatever the time.
    func report(isLast: Bool = false, _ progress: @autoclosure () -> LayerProgress) {
        guard number != nil else { return }
        let now = SystemClock.sinceBoot
        guard isLast || now >= nextTime else { return }
        nextTime = now + ProgressFile.interval
        let record = progress().record
        ignoring("a reader sees the record before") { () throws(SystemCallFailure) in
            try file?.write(record, at: 0)
        }
    }
}
