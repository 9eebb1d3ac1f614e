import Shim
import Testing

@Suite struct LineCutterTests {
    private static let sizes = [
        0, 1, 2, 16382, 16383, 16384, 16385, 16386, 20000, 32767, 32768, 32769, 65536,
    ]

    /// Any byte but the newline, including NUL and CR.
    private static func text(_ count: Int) -> [UInt8] {
        (0..<count).map { index in
            let byte = UInt8(truncatingIfNeeded: index &* 7)
            return byte == 10 ? 13 : byte
        }
    }

    private static func log(
        _ bytes: [UInt8], inChunksOf size: Int, room: Int
    ) -> [(tag: UInt8, [UInt8])] {
        var cutter = LineCutter("stdout")
        var (log, kept): ([UInt8], [UInt8]) = ([], [])
        for start in stride(from: 0, to: bytes.count, by: size) {
            kept += bytes[start..<min(start + size, bytes.count)]
            while true {
                var more: [UInt8] = []
                let taken = cutter.cut(kept.span, at: [84], into: &more, room: room)
                if more.isEmpty { break }
                log += more
                kept.removeFirst(taken)
            }
            #expect(kept.count <= LineCutter.limit)
        }
        cutter.end(kept.span, at: [84], into: &log)
        let head = Array("T stdout ".utf8)
        return log.split(separator: 10, omittingEmptySubsequences: false).dropLast().map { line in
            #expect(line.starts(with: head))
            let rest = line.dropFirst(head.count)
            #expect(rest.dropFirst().first == 32)
            return (rest.first ?? 0, Array(rest.dropFirst(2)))
        }
    }

    @Test(
        "a line of any length is written whole, in parts of at most 16,384 bytes", arguments: sizes)
    func lines(_ size: Int) {
        let line = LineCutterTests.text(size)
        for (chunk, isEnded, room) in [
            (16384, true, 1 << 20), (16384, false, 1), (65536, true, 20000), (4095, false, 1 << 20),
        ] {
            let bytes = isEnded ? line + [10] + line + [10] : line
            let parts = LineCutterTests.log(bytes, inChunksOf: chunk, room: room)
            let whole = max(isEnded || size > 0 ? 1 : 0, (size + 16383) / 16384)
            #expect(parts.count == (isEnded ? 2 * whole : whole))
            #expect(parts.allSatisfy { $0.1.count <= 16384 })
            let tags = parts.map { String(UnicodeScalar($0.tag)) }.joined()
            let once = whole == 0 ? "" : String(repeating: "P", count: whole - 1) + "F"
            #expect(tags == (isEnded ? once + once : once))
            #expect(parts.flatMap(\.1) == (isEnded ? line + line : line))
        }
    }

    @Test("after refused writes the log has a note in its own format, and whole lines")
    func gap() {
        var gap = LogGap()
        #expect(!gap.needsNote)
        let lines = Array("T o F one\nT o F two\n".utf8)
        // The disk has taken the first line, and a part of the second.
        gap.wrote(lines[...], refused: 5)
        let note = gap.note(at: [84])
        #expect(
            String(decoding: note, as: UTF8.self)
                == "\nT stderr F staunch: the log's disk refused 5 bytes here\n")
        // The end of the note is refused, too: it is written again, on a line of its own.
        gap.wroteNote(note, refused: 3)
        gap.wrote(lines[...], refused: lines.count)
        #expect(
            String(decoding: gap.note(at: [84]), as: UTF8.self)
                == "\nT stderr F staunch: the log's disk refused 25 bytes here\n")
        gap.wroteNote(gap.note(at: [84]), refused: 0)
        gap.wrote(lines[...], refused: 0)
        #expect(!gap.needsNote)
        // A writer that was killed left the beginning of a line.
        gap.changedFile(isTorn: true)
        #expect(gap.needsNote && gap.note(at: [84]) == [10])
        gap.wroteNote([10], refused: 0)
        #expect(!gap.needsNote)
    }
}
