// The page that the shim and a task's log writer share: how far the writer is, and who reads the
// task's output.

import Kernel
import Linux
import ShimProtocol

struct LogCounters {
    private let page: SharedNumbers

    /// The places of the numbers in the page. From `taken` on, each stream has one.
    private enum Place {
        static let progress = 0
        static let draining = 1
        static let finished = 2
        static let lines = 3
        static let refused = 4
        static let taken = 5
        static let settled = 7
        static let dropped = 9
        static let noted = 11
        static let count = 13
    }

    init() throws(SystemCallFailure) { page = try SharedNumbers(count: Place.count) }

    /// Grows whenever the writer has finished with something that it had read.
    var progress: UInt64 { page[Place.progress] }

    func addProgress() { page.add(1, to: Place.progress) }

    /// The shim reads the streams and drops what it reads, because the writer waits for its disk.
    /// The shim sets it, and the writer ends it.
    var isDraining: Bool {
        get { page[Place.draining] != 0 }
        nonmutating set { page[Place.draining] = newValue ? 1 : 0 }
    }

    /// The writer has written everything, and nothing will follow.
    var isFinished: Bool { page[Place.finished] != 0 }

    func finish() { page[Place.finished] = 1 }

    /// Bytes of a stream that writers have read.
    func taken(_ stream: UInt8) -> UInt64 { page[Place.taken + Int(stream)] }

    func add(taken count: Int, of stream: UInt8) {
        page.add(UInt64(count), to: Place.taken + Int(stream))
    }

    /// All bytes of a stream that were read are written, or counted as refused, but the last
    /// `kept` ones, which are the beginning of a line.
    func settle(_ stream: UInt8, kept: Int) {
        page[Place.settled + Int(stream)] = taken(stream) - UInt64(kept)
    }

    /// Bytes of a stream that no writer will write.
    func dropped(_ stream: UInt8) -> UInt64 { page[Place.dropped + Int(stream)] }

    func add(dropped count: UInt64, of stream: UInt8) {
        page.add(count, to: Place.dropped + Int(stream))
    }

    /// Dropped bytes that the log tells of.
    func noted(_ stream: UInt8) -> UInt64 { page[Place.noted + Int(stream)] }

    func add(noted count: UInt64, of stream: UInt8) {
        page.add(count, to: Place.noted + Int(stream))
    }

    /// The writer was killed: counts as dropped what it had read and not written.
    func dropUnsettled(_ stream: UInt8) {
        let settled = Place.settled + Int(stream)
        add(dropped: taken(stream) - page[settled], of: stream)
        page[settled] = taken(stream)
    }

    func add(lines: UInt64) { page.add(lines, to: Place.lines) }

    /// The disk refused so many bytes of the log.
    func add(refused: Int) { page.add(UInt64(refused), to: Place.refused) }

    var totals: LogTotals {
        LogTotals(
            bytes: taken(0) + taken(1), lines: page[Place.lines],
            dropped: dropped(0) + dropped(1) + page[Place.refused])
    }
}
