// The times of a layer's directories, which are set last: each entry that is made in a directory
// changes its time.
//
// They are kept in a file that has no name, because a layer may have millions of directories, and
// the memory of the unpacker has a bound.

import Kernel
import Linux

final class DirectoryTimes {
    private let file: OwnedDescriptor
    private var buffer: [UInt8] = []
    private var place: Int64 = 0

    /// Bytes in memory, before they are written.
    private static let block = 64 << 10

    /// `file` is empty, and can be read and written.
    init(_ file: consuming OwnedDescriptor) { self.file = file }

    /// What is kept of a directory's entry.
    struct Record {
        let path: [UInt8]
        let inode: UInt64
        /// The time of modification.
        let seconds: Int64
        let nanoseconds: Int
        /// Whether an entry before it was about the same directory.
        var isAgain = false
    }

    /// The directory with this path and inode gets this time, unless it gets another one later.
    func add(_ record: Record) throws(SystemCallFailure) {
        for number in [
            record.inode, UInt64(bitPattern: record.seconds), UInt64(record.nanoseconds),
            record.isAgain ? 1 : 0, UInt64(record.path.count),
        ] {
            for shift in stride(from: UInt64(0), to: 64, by: 8) {
                buffer.append(UInt8(truncatingIfNeeded: number >> shift))
            }
        }
        buffer += record.path
        if buffer.count >= DirectoryTimes.block { try flush() }
    }

    private func flush() throws(SystemCallFailure) {
        try file.write(buffer, at: place)
        place += Int64(buffer.count)
        buffer.removeAll(keepingCapacity: true)
    }

    /// Calls `body` for each, in the order of the calls of `add`.
    func forEach(
        _ body: (Record) throws(SystemCallFailure) -> Void
    ) throws(SystemCallFailure) {
        try flush()
        var (from, rest): (Int64, ArraySlice<UInt8>) = (0, [])
        while from < place || !rest.isEmpty {
            if let record = Record(&rest) {
                try body(record)
                continue
            }
            let more = try file.read(at: Int(from), limit: DirectoryTimes.block)
            // Only a file that another process shortens ends within a record.
            guard !more.isEmpty else {
                throw SystemCallFailure(call: "pread", subject: "directory times", errno: 5)
            }
            from += Int64(more.count)
            rest = Array(rest)[...] + more
        }
    }
}

extension DirectoryTimes.Record {
    /// The numbers before the path, of 8 bytes each.
    private static let numbers = 5

    /// Takes a record from the beginning of `bytes`; `nil` if they are a part of one.
    fileprivate init?(_ bytes: inout ArraySlice<UInt8>) {
        let size = Self.numbers * 8
        guard bytes.count >= size else { return nil }
        let numbers = (0..<Self.numbers).map { index in
            bytes.dropFirst(index * 8).prefix(8).reversed().reduce(UInt64(0)) {
                $0 << 8 | UInt64($1)
            }
        }
        let path = bytes.dropFirst(size).prefix(Int(numbers[4]))
        guard path.count == Int(numbers[4]) else { return nil }
        self.init(
            path: Array(path), inode: numbers[0], seconds: Int64(bitPattern: numbers[1]),
            nanoseconds: Int(numbers[2]), isAgain: numbers[3] == 1)
        bytes = bytes[path.endIndex...]
    }
}
