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

    private static func log(_ bytes: [UInt8], inChunksOf size: Int) -> [(tag: UInt8, [UInt8])] {
        var cutter = LineCutter("stdout")
        var log: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: size) {
            cutter.cut(bytes[start..<min(start + size, bytes.count)], at: [84], into: &log)
        }
        cutter.end(at: [84], into: &log)
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
        for (chunk, isEnded) in [(16384, true), (16384, false), (65536, true), (4095, false)] {
            let bytes = isEnded ? line + [10] + line + [10] : line
            let parts = LineCutterTests.log(bytes, inChunksOf: chunk)
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
        let first = gap.next(Array("T o F one\nT o F tw".utf8), at: [84])
        gap.wrote(first, refused: 5)
        let second = gap.next(Array("o\nT o F thr".utf8), at: [84])
        #expect(
            String(decoding: second, as: UTF8.self) == """

                T stderr F staunch: the log's disk refused 7 bytes here
                T o F thr
                """)
        gap.wrote(second, refused: second.count)
        #expect(gap.next(Array("e".utf8), at: [84]).isEmpty)
        gap.wrote([], refused: 0)
        let last = gap.next(Array("e\nT o F four\n".utf8), at: [84])
        #expect(
            String(decoding: last, as: UTF8.self) == """

                T stderr F staunch: the log's disk refused 19 bytes here
                T o F four

                """)
        gap.wrote(last, refused: 0)
        #expect(gap.next([1], at: [84]) == [1])
    }
}
