// A task's log: its limits, and what went into it.

import Kernel

package struct LogLimits: Equatable, Sendable {
    /// The size in bytes from which the current file becomes a former one.
    package let maxSize: Int
    /// The most files, the current one included; 2 or more.
    package let maxFiles: Int
    /// Whether the task waits for a disk that does not answer. Otherwise it waits for a second, and
    /// then output is dropped.
    package let blocks: Bool

    package init(maxSize: Int = 10 << 20, maxFiles: Int = 5, blocks: Bool = false) {
        self.maxSize = max(maxSize, 1)
        self.maxFiles = max(maxFiles, 2)
        self.blocks = blocks
    }
}

extension LogLimits {
    func write(_ writer: inout WireWriter) {
        writer.put(UInt64(maxSize))
        writer.put(UInt32(clamping: maxFiles))
        writer.put(flag: blocks)
    }

    static func read(_ reader: inout WireReader) throws(WireFault) -> LogLimits {
        LogLimits(
            maxSize: Int(clamping: try reader.number(UInt64.self)),
            maxFiles: Int(try reader.number(UInt32.self)), blocks: try reader.flag())
    }
}

extension LogState {
    func write(_ writer: inout WireWriter) {
        writer.put(totals.bytes)
        writer.put(totals.lines)
        writer.put(totals.dropped)
        writer.put(flag: isComplete)
    }

    static func read(_ reader: inout WireReader) throws(WireFault) -> LogState {
        LogState(
            totals: LogTotals(
                bytes: try reader.number(), lines: try reader.number(),
                dropped: try reader.number()),
            isComplete: try reader.flag())
    }
}
