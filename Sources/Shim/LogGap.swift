// Tracks what the log's disk refused, so that whole lines follow a gap again.

package struct LogGap {
    /// Bytes that the disk refused since the last note.
    private(set) var lost = 0
    /// Whether the last refused byte was in the middle of a line.
    private var lostMidLine = false
    /// Whether the file's last byte is in the middle of a line.
    private var fileMidLine = false
    private var noteCount = 0

    package init() {}

    /// Returns what to write for the next bytes of the log: first a note of what was lost. If the
    /// beginning of a line was lost, its rest is left out.
    package mutating func next(_ bytes: [UInt8], at time: [UInt8]) -> [UInt8] {
        noteCount = 0
        guard lost > 0 else { return bytes }
        var rest = bytes[...]
        if lostMidLine {
            let half = rest.firstIndex(of: 10).map { $0 + 1 } ?? rest.endIndex
            lost += half
            rest = rest[half...]
            lostMidLine = rest.isEmpty && bytes.last != 10
        }
        if rest.isEmpty { return [] }
        let note = LineCutter.note("the log's disk refused \(lost) bytes here", at: time)
        let head = (fileMidLine ? [10] : []) + note
        noteCount = head.count
        return head + rest
    }

    /// Reports how many of `bytes`, returned by `next`, the disk refused.
    package mutating func wrote(_ bytes: [UInt8], refused: Int) {
        let taken = bytes.count - refused
        if taken > 0 { fileMidLine = bytes[taken - 1] != 10 }
        if refused > 0 { lostMidLine = bytes.last != 10 }
        guard !bytes.isEmpty else { return }
        // If the end of a note was refused, the whole note is written again.
        lost = taken >= noteCount ? refused : lost + bytes.count - noteCount
    }
}
