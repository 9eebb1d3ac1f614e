// What a log's disk has not taken, so that what follows it is whole lines again.

package struct LogGap {
    /// Bytes that were not taken since the last note.
    private(set) var lost = 0
    /// The last of them was in the midst of a line.
    private var lostMidLine = false
    /// So is the last byte that the file has.
    private var fileMidLine = false
    private var noteCount = 0

    package init() {}

    /// What is to be written for the next bytes of the log: a note of what was lost before them,
    /// and no half of a line whose begin was lost.
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

    /// Of `bytes`, which `next` gave, so many were not taken.
    package mutating func wrote(_ bytes: [UInt8], refused: Int) {
        let taken = bytes.count - refused
        if taken > 0 { fileMidLine = bytes[taken - 1] != 10 }
        if refused > 0 { lostMidLine = bytes.last != 10 }
        guard !bytes.isEmpty else { return }
        // The whole of a note is written again if its end was refused.
        lost = taken >= noteCount ? refused : lost + bytes.count - noteCount
    }
}
