// The helper that reads a log, over rotations, from places, and while a writer works.

import Foundation
import Glibc
import Linux
import ShimProtocol
import Synchronization
import Testing

@testable import Shim

@Suite struct LogReaderTests {
    private let directory: LogDirectory
    private var names: LogNames { directory.names }

    init() throws {
        directory = try LogDirectory()
        LogReaderTests.ignoreNotices
    }

    /// The kernel sends SIGIO to the reader's thread, which waits for it, and for a moment before
    /// that to the process. Done once, because it discards the signals of all threads.
    private static let ignoreNotices: Void = { signal(SIGIO, SIG_IGN) }()

    private func write(_ lines: [String], to path: String) throws {
        let text = lines.map { $0 + "\n" }.joined()
        if let file = FileHandle(forWritingAtPath: path) {
            try file.seekToEnd()
            try file.write(contentsOf: Data(text.utf8))
            try file.close()
        } else {
            try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        }
    }

    private static func time(_ second: Int) -> String {
        "2026-11-27T08:00:\(second < 10 ? "0" : "")\(second).000000000Z"
    }

    private func line(_ second: Int, _ text: String, _ head: String = "stdout F") -> String {
        "\(LogReaderTests.time(second)) \(head) \(text)"
    }

    /// Three files: 0…3, 4…7 and 8…9.
    private func makeThreeFiles() throws {
        try write((0..<4).map { line($0, "line \($0)") }, to: names.path(6))
        try write((4..<8).map { line($0, "line \($0)") }, to: names.path(7))
        try write((8..<10).map { line($0, "line \($0)") }, to: names.current)
    }

    private func read(_ change: (inout LogQuery) -> Void = { _ in }) throws -> String {
        var query = LogQuery()
        change(&query)
        let control = try Pipe().release()
        let output = try Pipe().release()
        close(control.writing)
        let names = names
        let asked = query
        let thread = Thread {
            do {
                try LogReader.run(
                    .own(names), asked, control: OwnedDescriptor(adopting: control.reading),
                    output: OwnedDescriptor(adopting: output.writing))
            } catch { Issue.record("\(error)") }
        }
        thread.start()
        let file = FileHandle(fileDescriptor: output.reading, closeOnDealloc: true)
        return String(decoding: try file.readToEnd() ?? Data(), as: UTF8.self)
    }

    private func numbers(_ text: String) -> [Int] {
        text.split(separator: "\n").compactMap { Int($0.split(separator: " ").last ?? "") }
    }

    @Test("all files are read, in the order of their numbers", arguments: [false, true])
    func all(follows: Bool) throws {
        #expect(try read { $0.follows = follows } == "")
        try makeThreeFiles()
        let text = try read { $0.follows = follows }
        #expect(text == (0..<10).map { "line \($0)\n" }.joined())
    }

    @Test("the last lines are found over files", arguments: [0, 1, 2, 3, 5, 6, 7, 10, 11])
    func tail(_ count: UInt64) throws {
        try makeThreeFiles()
        #expect(try numbers(read { $0.tail = count }) == Array((0..<10).suffix(Int(count))))
        let even = (0..<10).filter { $0 > 2 }.suffix(Int(count))
        let since = LogReaderTests.time(3)
        let read = try numbers(
            read {
                $0.tail = count
                $0.since = since
            })
        #expect(read == Array(even))
    }

    @Test("the last lines of a long file are found from its end")
    func longTail() throws {
        // More than two pieces, with lines of several parts around each border.
        var lines: [String] = []
        let part = String(repeating: "x", count: LineCutter.limit)
        for number in 0..<200 {
            lines.append(line(1, part, "stdout P"))
            lines.append(line(1, "noise", "stderr F"))
            lines.append(line(1, " \(number)"))
        }
        try write(lines, to: names.current)
        for count in [1, 60, 64, 65, 100, 130, 199] {
            let text = try read {
                $0.tail = UInt64(count)
                $0.stream = .stdout
            }
            #expect(numbers(text) == Array((0..<200).suffix(count)))
            #expect(text.hasPrefix("xxx"))
        }
    }

    @Test("streams and times select lines with all their parts")
    func filters() throws {
        try write(
            [
                line(1, "one"), line(2, "begin", "stdout P"), line(3, "err", "stderr F"),
                line(4, " end"), "2026-11-27T08:00:05 torn", line(6, "six"), line(7, ""),
            ], to: names.current)
        #expect(try read { $0.stream = .stderr } == "err\n")
        #expect(try read { $0.since = LogReaderTests.time(3) } == "err\nsix\n\n")
        let until = LogReaderTests.time(2)
        #expect(try read { $0.until = until } == "one\nbegin end\n")
        let stamped = try read {
            $0.until = until
            $0.hasTimestamps = true
        }
        #expect(
            stamped == "\(LogReaderTests.time(1)) one\n\(LogReaderTests.time(2)) begin end\n")
    }

    @Test("each line of NDJSON has a cursor, and reading goes on after any of them")
    func cursors() throws {
        try makeThreeFiles()
        try write(
            [line(10, "a \"quoted\"\t\u{1} \u{e9}"), line(11, "part", "stderr P")],
            to: names.current)
        let all = try read { $0.cursorMark = "M" }.split(separator: "\n").map {
            try #require(
                try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
        }
        #expect(all.count == 12)
        #expect(all[10]["text"] as? String == "a \"quoted\"\t\u{1} \u{e9}")
        #expect(all[11]["partial"] as? Bool == true && all[11]["stream"] as? String == "stderr")
        for (index, object) in all.enumerated() {
            let cursor = try #require(object["cursor"] as? String)
            #expect(cursor.hasPrefix("M."))
            let place = try #require(LogPlace(String(cursor.dropFirst(2))))
            let rest = try read {
                $0.cursorMark = "M"
                $0.cursor = place
            }.split(separator: "\n")
            #expect(rest.count == 11 - index)
        }
    }

    @Test("bytes that are no UTF-8 are in base64")
    func binary() throws {
        var bytes = Data(line(1, "").utf8)
        bytes += [0xff, 0, 0x41, 10]
        try bytes.write(to: URL(fileURLWithPath: names.current))
        #expect(try read { $0.cursorMark = "M" }.contains(#""text":"/wBB","encoding":"base64""#))
    }

    @Test("what is gone is told: former files, a truncated and a removed one")
    func gaps() throws {
        try makeThreeFiles()
        let removed = try read { $0.cursor = LogPlace(file: 3, offset: 7) }
        #expect(removed.hasPrefix("staunch: a part of the log was removed before it was read\n"))
        #expect(numbers(removed) == Array(0..<10))
        let truncated = try read { $0.cursor = LogPlace(file: 8, offset: 10_000) }
        #expect(truncated.hasPrefix("staunch: the log was truncated\n"))
        #expect(numbers(truncated) == [8, 9])
        let later = try read { $0.cursor = LogPlace(file: 12, offset: 0) }
        #expect(later.hasPrefix("staunch: a part of the log") && numbers(later) == [8, 9])
    }

    @Test("a follower waits for the log, and loses and repeats nothing over rotations")
    func follow() throws {
        try directory.remove()
        var query = LogQuery()
        query.follows = true
        let following = try RunningReader(.own(names), query)
        // It waits for a directory that comes later.
        try directory.make()
        for number in 0..<300 {
            try write([line(1, "line \(number)")], to: names.current)
            if number % 3 == 2 {
                try FileManager.default.moveItem(
                    atPath: names.current, toPath: names.path(UInt64(number / 3 + 1)))
            }
            // Half of the lines are read at once, the others later.
            if number % 2 == 1 {
                #expect(following.next() == "line \(number - 1)")
                #expect(following.next() == "line \(number)")
            }
        }
        try write([line(1, "last")], to: names.current)
        following.finish()
        #expect(following.next() == "last")
        #expect(following.next() == nil)
    }

    @Test("a follower is told if a log is truncated or removed")
    func followTruncated() throws {
        try write([line(1, "a long first line"), line(1, "second")], to: names.current)
        var query = LogQuery()
        query.follows = true
        let following = try RunningReader(.own(names), query)
        #expect(following.next() == "a long first line")
        #expect(following.next() == "second")
        try #require(FileHandle(forWritingAtPath: names.current)).truncate(atOffset: 0)
        #expect(following.next() == "staunch: the log was truncated")
        try write([line(1, "third")], to: names.current)
        #expect(following.next() == "third")
        try FileManager.default.removeItem(atPath: names.current)
        try write([line(1, "fourth")], to: names.current)
        #expect(
            following.next() == "staunch: a part of the log was removed before it was read")
        #expect(following.next() == "fourth")
        following.finish()
        #expect(following.next() == nil)
    }

    @Test("a follower with an end in time ends then")
    func followUntil() throws {
        try write([line(1, "one")], to: names.current)
        var query = LogQuery()
        query.follows = true
        query.endsAt = SystemClock.wall + 100
        let following = try RunningReader(.own(names), query)
        #expect(following.next() == "one")
        #expect(following.next() == nil)
    }

    @Test("a query comes back from its words")
    func words() {
        var query = LogQuery()
        #expect(LogQuery(words: query.words) == query)
        query.follows = true
        query.hasTimestamps = true
        query.tail = 7
        query.since = "s"
        query.until = "u"
        query.endsAt = 9
        query.stream = .stderr
        query.cursorMark = "m=1"
        query.cursor = LogPlace(file: 3, offset: .max)
        #expect(LogQuery(words: query.words) == query)
        for word in [
            "", "x", "tail=x", "tail", "cursor=0.1", "cursor=1", "cursor=01.1", "stream=",
        ] {
            #expect(LogQuery(words: [word]) == nil)
        }
    }
}
