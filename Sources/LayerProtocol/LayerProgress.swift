// How far a helper is: a record in a file on tmpfs, which the helper rewrites in place.
//
// The helper has only a descriptor, and after its confinement no directory, so it cannot rename. A
// read and a write of tmpfs may overlap, so the record ends with a checksum: a torn record is
// recognized, and read again. The size is fixed, so no record leaves bytes of a longer one.

import Bytes
import JSON

/// How far an unpacking or a removal is.
package struct LayerProgress: Equatable, Sendable {
    /// Bytes of the blob that were read since the check of its digest. During the check it is 0.
    package var blobBytes: Int64
    /// Bytes of the tar that were read.
    package var tarBytes: Int64
    /// Entries that were made, or that were removed.
    package var entries: Int64

    package init(blobBytes: Int64 = 0, tarBytes: Int64 = 0, entries: Int64 = 0) {
        self.blobBytes = blobBytes
        self.tarBytes = tarBytes
        self.entries = entries
    }

    /// The bytes of each record: one line of JSON.
    package static let size = 128

    /// The record, of `size` bytes.
    package var record: [UInt8] {
        let numbers = [("blob", blobBytes), ("tar", tarBytes), ("entries", entries)]
        var text = "{"
        for (name, number) in numbers { text += "\"\(name)\":\(padded(number, to: 19))," }
        var sum = FNV1a()
        sum.add(text.utf8)
        text += "\"sum\":\(padded(Int64(sum.value >> 12), to: 16))}"
        let bytes = Array(text.utf8)
        let blanks = [UInt8](repeating: UInt8(ascii: " "), count: Self.size - 1 - bytes.count)
        return bytes + blanks + [UInt8(ascii: "\n")]
    }

    /// `nil` for anything but a whole record, such as a torn record or an empty file.
    package init?(record: [UInt8]) {
        guard record.count == Self.size, let json = Self.parsed(record),
            let blob = json["blob"]?.integer, let tar = json["tar"]?.integer,
            let entries = json["entries"]?.integer
        else { return nil }
        self.init(blobBytes: blob, tarBytes: tar, entries: entries)
        guard self.record == record else { return nil }
    }

    private static func parsed(_ record: [UInt8]) -> JSONValue? {
        do { return try JSONValue.parse(record) } catch { return nil }
    }

    private func padded(_ number: Int64, to width: Int) -> String {
        let text = "\(number)"
        return String(repeating: " ", count: max(0, width - text.utf8.count)) + text
    }
}
