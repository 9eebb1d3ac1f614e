// The log writer by itself: how it writes two streams, the count of dropped bytes, and its files.

import Foundation
import Glibc
import Kernel
import Linux
import ShimProtocol
import Testing

@testable import Shim

@Suite struct LogWriterTests {
    private let directory: LogDirectory
    private var names: LogNames { directory.names }

    init() throws { directory = try LogDirectory() }

    /// Writes what is there before the writer begins, and returns the log without its times.
    private func log(
        _ streams: [(stream: UInt8, text: String)], _ limits: LogLimits = LogLimits(),
        counters: LogCounters? = nil
    ) throws -> [String] {
        let counters = try counters ?? LogCounters()
        let inputs = try streams.map {
            (stream: $0.stream, descriptor: try full(Array($0.text.utf8)), begin: [UInt8]())
        }
        // The shim's end of the connection stays open.
        let ends = try SocketPair(ofPackets: true).release()
        defer { close(ends.other) }
        let writer = LogWriter(
            .own(names), limits, counters: counters, control: ends.one, inputs: inputs)
        #expect(writer.run() == 0)
        #expect(counters.isFinished)
        return try lines(names.current)
    }

    private func lines(_ path: String) throws -> [String] {
        let text = try String(contentsOfFile: path, encoding: .utf8)
        return text.split(separator: "\n").map { String($0.drop { $0 != " " }.dropFirst()) }
    }

    /// The reading end of a pipe that contains these bytes and an end.
    private func full(_ bytes: [UInt8]) throws -> CInt {
        let ends = try Pipe().release()
        let reading = OwnedDescriptor(adopting: ends.reading)
        let writing = OwnedDescriptor(adopting: ends.writing)
        writing.setPipeSize(1 << 20)
        try reading.setNonblocking()
        if !bytes.isEmpty { #expect(try writing.write(bytes[...]) == bytes.count) }
        return reading.release()
    }

    @Test func eachStreamIsCutByItselfAndItsLastLineEnds() throws {
        let counters = try LogCounters()
        let lines = try log([(0, "one\ntwo"), (1, "three\n")], counters: counters)
        #expect(lines.filter { $0.hasPrefix("stdout") } == ["stdout F one", "stdout F two"])
        #expect(lines.filter { $0.hasPrefix("stderr") } == ["stderr F three"])
        #expect(counters.totals == LogTotals(bytes: 13, lines: 3, dropped: 0))
    }

    @Test func whatWasDroppedIsNotedOnceByAllWriters() throws {
        let counters = try LogCounters()
        counters.add(dropped: 4000, of: 0)
        counters.isDraining = true
        let lines = try log([(0, "one\n"), (1, "")], counters: counters)
        #expect(
            lines == ["stderr F staunch: 4000 bytes of output were dropped here", "stdout F one"])
        #expect(!counters.isDraining)
        #expect(try log([(0, "two\n")], counters: counters).last == "stdout F two")
        #expect(counters.totals == LogTotals(bytes: 8, lines: 2, dropped: 4000))
    }

    @Test("what a killed writer had read and not written counts as dropped")
    func unsettled() throws {
        let counters = try LogCounters()
        counters.add(taken: 100, of: 1)
        counters.settle(1, kept: 30)
        counters.add(taken: 5, of: 1)
        counters.dropUnsettled(1)
        #expect(counters.totals == LogTotals(bytes: 105, lines: 0, dropped: 35))
        counters.dropUnsettled(1)
        #expect(counters.dropped(1) == 35)
    }

    @Test("a torn line of a killed writer ends before the next one begins")
    func torn() throws {
        try Data("T stdout F tor".utf8).write(to: URL(fileURLWithPath: names.current))
        #expect(try log([(0, "one\n")]) == ["stdout F tor", "stdout F one"])
    }

    @Test("the files are numbered upwards, and only the last ones are kept")
    func rotation() throws {
        let text = (1000..<9000).map { "line \($0)\n" }.joined()
        let limits = LogLimits(maxSize: 65536, maxFiles: 3)
        _ = try log([(0, text)], limits)
        let numbers = try names.numbers()
        #expect(numbers.count == 2)
        let first = try #require(numbers.first)
        #expect(first > 1 && numbers == [first, first + 1])
        var all: [String] = []
        for path in numbers.map(names.path) + [names.current] {
            let size = try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int
            #expect(try #require(size) < 65536 + 100)
            all += try lines(path)
        }
        // Nothing is missing in the middle, and the end is there.
        let kept = (9000 - all.count..<9000).map { "stdout F line \($0)" }
        #expect(all == kept)
        // A later writer goes on with the numbers.
        _ = try log([(0, text)], limits)
        #expect(try #require(names.numbers().first) > first + 1)
    }

    @Test("the parts of a line stay in one file")
    func parts() throws {
        let text = String(repeating: "x", count: 100_000) + "\n"
        _ = try log([(0, text + "next\n")], LogLimits(maxSize: 65536, maxFiles: 3))
        #expect(try lines(names.path(1)).last?.hasPrefix("stdout F x") == true)
        #expect(try lines(names.current) == ["stdout F next"])
    }

    @Test("asked to finish, the writer takes what the pipe holds, though others hold it open")
    func finish() throws {
        let counters = try LogCounters()
        let stream = try Pipe().release()
        let control = try SocketPair(ofPackets: true).release()
        let holder = OwnedDescriptor(adopting: stream.writing)
        let bytes = Array("one\ntwo".utf8)
        #expect(try holder.write(bytes[...]) == bytes.count)
        close(control.other)
        #expect(clearsBlocking(stream.reading))
        let writer = LogWriter(
            .own(names), LogLimits(), counters: counters, control: control.one,
            inputs: [(stream: 0, descriptor: stream.reading, begin: Array("zero\n".utf8))])
        #expect(writer.run() == 0)
        #expect(try lines(names.current) == ["stdout F zero", "stdout F one", "stdout F two"])
        #expect(counters.totals == LogTotals(bytes: 12, lines: 3, dropped: 0))
    }

    private func clearsBlocking(_ number: CInt) -> Bool {
        fcntl(number, F_SETFL, fcntl(number, F_GETFL) | O_NONBLOCK) == 0
    }

    @Test("files of another task are none of this one's")
    func otherFiles() throws {
        for name in [
            "a.log", "a.7.log", "a.10.log", "a.07.log", "a.x.log", "ab.1.log", "a.1.log2",
        ] {
            try Data().write(to: URL(fileURLWithPath: "\(directory.path)/\(name)"))
        }
        #expect(try names.numbers() == [7, 10])
        try names.removeAll()
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: directory.path).sorted()
                == ["a.07.log", "a.1.log2", "a.x.log", "ab.1.log"])
    }
}
