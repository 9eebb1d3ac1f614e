// Tracks what the log's disk refused, so that whole lines follow a gap again.

package struct LogGap {
    /// Bytes that the disk refused since the last note.
    private var lost = 0
    /// Whether the file's last byte is in the middle of a line.
    private var isMidLine = false

    package init() {}

    /// Whether the next bytes need a note before them.
    package var needsNote: Bool { lost > 0 || isMidLine }

    /// Another file was opened. It ends in the middle of a line if a writer was killed.
    package mutating func changedFile(isTorn: Bool) { isMidLine = isTorn }

    /// The note of what was lost. It ends the line that is in the file.
    package func note(at time: [UInt8]) -> [UInt8] {
        let end: [UInt8] = isMidLine ? [10] : []
        if lost == 0 { return end }
        return end + LineCutter.note("the log's disk refused \(lost) bytes here", at: time)
    }

    /// Reports how many bytes of the note were refused. If its end was, the whole note is written
    /// again.
    package mutating func wroteNote(_ note: [UInt8], refused: Int) {
        keepEnd(of: note[...], refused: refused)
        if refused == 0 { lost = 0 }
    }

    /// Reports how many bytes of these whole lines were refused.
    package mutating func wrote(_ lines: ArraySlice<UInt8>, refused: Int) {
        keepEnd(of: lines, refused: refused)
        lost += refused
    }

    private mutating func keepEnd(of bytes: ArraySlice<UInt8>, refused: Int) {
        if refused < bytes.count { isMidLine = bytes[bytes.endIndex - refused - 1] != 10 }
    }
}
