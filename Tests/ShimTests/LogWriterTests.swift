// The log writer by itself: how it writes two streams and the count of dropped bytes.

import Foundation
import Glibc
import Linux
import ShimProtocol
import Testing

@testable import Shim

@Suite struct LogWriterTests {
    /// The log without its times, if all input is there before the writer begins.
    private func log(
        _ streams: [(stream: UInt8, text: String)], _ notes: [LogNote] = []
    ) throws -> [Substring] {
        let path = "/tmp/staunch-log-\(UUID().uuidString)/a.log"
        defer {
            do {
                try FileManager.default.removeItem(
                    atPath: URL(fileURLWithPath: path).deletingLastPathComponent().path)
            } catch { Issue.record("\(error)") }
        }
        let told = try full(notes.flatMap(\.bytes))
        let inputs = try streams.map { ($0.stream, try full(Array($0.text.utf8))) }
        #expect(LogWriter(path: path, notes: told, inputs: inputs).run() == 0)
        let text = try String(contentsOfFile: path, encoding: .utf8)
        return text.split(separator: "\n").map { $0.drop { $0 != " " }.dropFirst() }
    }

    /// The reading end of a pipe that contains these bytes and an end.
    private func full(_ bytes: [UInt8]) throws -> CInt {
        let ends = try Pipe().release()
        let writing = OwnedDescriptor(adopting: ends.writing)
        if !bytes.isEmpty { #expect(try writing.write(bytes[...]) == bytes.count) }
        return ends.reading
    }

    @Test func eachStreamIsCutByItselfAndItsLastLineEnds() throws {
        let lines = try log([(0, "one\ntwo"), (1, "three\n")])
        #expect(lines.filter { $0.hasPrefix("stdout") } == ["stdout F one", "stdout F two"])
        #expect(lines.filter { $0.hasPrefix("stderr") } == ["stderr F three"])
    }

    @Test func aNoteReplacesTheMissingBytes() throws {
        let lines = try log(
            [(0, "one\ntwothree\n")], [LogNote(stream: 0, position: 7, dropped: 4000)])
        #expect(
            lines == [
                "stdout F one", "stdout F two",
                "stderr F staunch: 4000 bytes of output were dropped here", "stdout F three",
            ])
    }

    @Test func aNoteAtTheEndIsWritten() throws {
        let lines = try log([(1, "one\n")], [LogNote(stream: 1, position: 4, dropped: 1)])
        #expect(lines.last == "stderr F staunch: 1 bytes of output were dropped here")
    }

    @Test func aNoteIsReadAsItWasWritten() throws {
        let note = LogNote(stream: 1, position: 0x0102_0304_0506_0708, dropped: .max)
        #expect(note.bytes.count == LogNote.size)
        #expect(try LogNote(note.bytes[...]) == note)
    }
}
