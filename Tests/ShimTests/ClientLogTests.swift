import Foundation
import Glibc
import Kernel
import Linux
import ShimProtocol
import Synchronization
import Testing

@testable import Shim

/// A log writer in a thread of its own, with one stream.
private final class RunningWriter: @unchecked Sendable {
    private let input: Mutex<OwnedDescriptor?>
    private let control: PacketSocket
    private let ended = DispatchSemaphore(value: 0)
    let counters: LogCounters

    init(_ home: LogHome, _ limits: LogLimits = LogLimits()) throws {
        counters = try LogCounters()
        let stream = try Linux.Pipe().release()
        let ends = try SocketPair(ofPackets: true).release()
        input = Mutex(OwnedDescriptor(adopting: stream.writing))
        control = PacketSocket(adopting: OwnedDescriptor(adopting: ends.other))
        #expect(fcntl(stream.reading, F_SETFL, O_NONBLOCK) == 0)
        let (counters, ended) = (counters, ended)
        Thread {
            let writer = LogWriter(
                home, limits, counters: counters, control: ends.one,
                inputs: [(stream: 0, descriptor: stream.reading, begin: [])])
            #expect(writer.run() == 0)
            ended.signal()
        }.start()
    }

    func write(_ text: String) throws {
        try input.withLock { try $0?.writeAll(Array(text.utf8)) }
    }

    /// Asks for another file, and waits for the answer: the reason of a refusal, or `nil`.
    func reopen() throws -> String? {
        try askToReopen()
        return try answer()
    }

    /// Returns when the writer knows of it.
    func askToReopen() throws {
        try control.send(WriterOrder.reopen(1).packet)
        // unix(7), SIOCOUTQ: what the peer has not received.
        var unread: CInt = 1
        while unread > 0 {
            // SAFETY: the number lives for the call.
            let result = unsafe ioctl(control.descriptor.number, UInt(TIOCOUTQ), &unread)
            try #require(result == 0)
            usleep(100)
        }
    }

    func answer() throws -> String? {
        while true {
            guard let packet = try control.receive() else {
                usleep(100)
                continue
            }
            guard case .reopened(1, let record) = try WriterNews(packet) else {
                throw SystemCallFailure(call: "receive", subject: "other news", errno: 22)
            }
            return record[0] == 0 ? nil : String(decoding: record.dropFirst(), as: UTF8.self)
        }
    }

    /// Waits until the writer has read so many bytes and written their lines.
    func settled(_ bytes: UInt64) {
        while counters.totals.bytes < bytes || counters.progress == 0 { usleep(1000) }
    }

    func end() {
        input.withLock { $0 = nil }
        ended.wait()
    }
}

@Suite struct ClientLogTests {
    private let directory: LogDirectory
    private var root: String { directory.path }
    private var path: String { root + "/pod/a.log" }
    private var home: LogHome { .client(ClientLog(root: root, path: path)) }
    private var file: ClientFile { ClientFile(path, below: root) }

    init() throws {
        directory = try LogDirectory()
        try FileManager.default.createDirectory(
            atPath: root + "/pod", withIntermediateDirectories: false)
    }

    private func lines(_ path: String) throws -> [String] {
        let text = try String(contentsOfFile: path, encoding: .utf8)
        #expect(text.isEmpty || text.hasSuffix("\n"))
        return text.split(separator: "\n").map { String($0.drop { $0 != " " }.dropFirst()) }
    }

    private func refusal() -> String? {
        do throws(FileRefused) {
            _ = try file.appending(mode: 0o640)
            return nil
        } catch { return error.detail }
    }

    @Test("the file is made with its mode, appended to, never rotated, and keeps its own mode")
    func appends() throws {
        #expect(refusal() == nil)
        var status = try #require(try Files.status(path))
        #expect(status.mode == 0o640 && status.size == 0)
        try Data("old\n".utf8).write(to: URL(fileURLWithPath: path))
        try shell("chmod 600 pod/a.log")
        let writer = try RunningWriter(home, LogLimits(maxSize: 10, maxFiles: 2))
        try writer.write("one\ntwo\n")
        writer.settled(8)
        try writer.write("three\n")
        writer.end()
        #expect(try lines(path) == ["", "stdout F one", "stdout F two", "stdout F three"])
        status = try #require(try Files.status(path))
        #expect(status.mode == 0o600)
        #expect(try FileManager.default.contentsOfDirectory(atPath: root + "/pod") == ["a.log"])
    }

    /// What is at the file's place, or on the way, and the command that makes it.
    private static let traps = [
        ("symbolic link", "ln -s ../victim pod/a.log"),
        ("symbolic link", "rmdir pod; mkdir other; ln -s other pod"),
        ("not a regular file", "mkfifo pod/a.log"),
        ("not a regular file", "mkdir pod/a.log"),
        ("hard link", "ln victim pod/a.log"),
        ("does not exist", "rmdir pod"),
        ("not a directory", "rmdir pod; touch pod"),
    ]

    private func shell(_ script: String) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-ec", script]
        process.currentDirectoryURL = URL(fileURLWithPath: root)
        try process.run()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
    }

    private func move(_ old: String, _ new: String) throws {
        try FileManager.default.moveItem(atPath: old, toPath: new)
    }

    @Test("a trap at the file's place is refused, and nothing is made", arguments: traps)
    func refuses(what: String, script: String) throws {
        try Data("precious".utf8).write(to: URL(fileURLWithPath: root + "/victim"))
        try shell(script)
        let before = try FileManager.default.subpathsOfDirectory(atPath: root).sorted()
        let reason = try #require(refusal())
        #expect(reason.contains(what), "\(reason)")
        // A writer meanwhile drops and counts, and harms nothing.
        let writer = try RunningWriter(home)
        try writer.write("lost\n")
        #expect(try writer.reopen() == reason)
        writer.end()
        #expect(writer.counters.totals.dropped > 0)
        let after = try FileManager.default.subpathsOfDirectory(atPath: root).sorted()
        #expect(before == after)
        #expect(try String(contentsOfFile: root + "/victim", encoding: .utf8) == "precious")
    }

    @Test("a symbolic link to the root, or above it, is the operator's, and is followed")
    func followsTheRoot() throws {
        let link = "\(root)-link"
        try shell("ln -s '\(root)' '\(link)'")
        defer { #expect(throws: Never.self) { try shell("rm '\(link)'") } }
        let file = ClientFile(link + "/pod/a.log", below: link)
        _ = try file.appending(mode: 0o640)
        #expect(try Files.exists(path))
    }

    @Test("a renamed file is written to until the request, and no line is lost or split")
    func reopens() throws {
        let writer = try RunningWriter(home)
        try writer.write("one\n")
        writer.settled(4)
        try move(path, path + ".1")
        try writer.write("two\nthr")
        writer.settled(11)
        // By itself the writer makes no file: the client may give the old name back.
        #expect(try !Files.exists(path))
        #expect(try writer.reopen() == nil)
        #expect(try Files.status(path)?.mode == 0o640)
        try writer.write("ee\n")
        writer.end()
        #expect(try lines(path + ".1") == ["stdout F one", "stdout F two"])
        #expect(try lines(path) == ["stdout F three"])
        #expect(writer.counters.totals == .init(bytes: 14, lines: 3, dropped: 0))
    }

    @Test("if the opening fails, the log goes on in the former file")
    func keepsTheFormerFile() throws {
        let writer = try RunningWriter(home)
        try writer.write("one\n")
        writer.settled(4)
        try move(path, path + ".1")
        try shell("mkdir pod/a.log")
        #expect(try writer.reopen()?.contains("not a regular file") == true)
        try writer.write("two\n")
        writer.settled(8)
        try shell("rmdir pod/a.log")
        try move(path + ".1", path)
        try writer.write("three\n")
        writer.end()
        #expect(try lines(path) == ["stdout F one", "stdout F two", "stdout F three"])
    }

    /// Asks for another file in the middle of a line of two parts, which goes on after the request.
    /// Returns whether both parts are in the former file.
    private func asksMidLine(_ number: Int, waiting: Bool) throws -> Bool {
        let former = path + ".\(number)"
        let writer = try RunningWriter(home)
        let part = String(repeating: "x", count: LineCutter.limit)
        try writer.write(part + "rest")
        writer.settled(UInt64(LineCutter.limit + 4))
        try move(path, former)
        try writer.askToReopen()
        if waiting { #expect(try writer.answer() == nil) }
        try writer.write(" of it\n")
        if !waiting { #expect(try writer.answer() == nil) }
        writer.end()
        let (old, new) = (try lines(former), try lines(path))
        #expect(old + new == ["stdout P " + part, "stdout F rest of it"])
        try FileManager.default.removeItem(atPath: path)
        return new.isEmpty
    }

    @Test("the parts of a line stay in one file, if it ends soon")
    func longLine() throws {
        // The client is answered, even if the line does not end.
        #expect(try !asksMidLine(0, waiting: true))
        // On a slow machine the line may not end soon.
        #expect(try (1...20).contains { try asksMidLine($0, waiting: false) })
    }

    // MARK: Readers

    private static let time = "2026-11-27T08:00:00.000000000Z stdout F "

    private func add(_ numbers: ClosedRange<Int>, to path: String) throws {
        if try !Files.exists(path) { try Data().write(to: URL(fileURLWithPath: path)) }
        let file = try #require(FileHandle(forWritingAtPath: path))
        try file.seekToEnd()
        try file.write(contentsOf: Data(numbers.map { "\(Self.time)\($0)\n" }.joined().utf8))
        try file.close()
    }

    private func read(_ change: (inout LogQuery) -> Void = { _ in }) throws -> [String] {
        var query = LogQuery()
        change(&query)
        let reading = try RunningReader(home, query)
        reading.finish()
        var lines: [String] = []
        while let line = reading.next() { lines.append(line) }
        return lines
    }

    @Test("a reader gets the file of the path, the last lines and what follows a cursor")
    func reads() throws {
        #expect(try read() == [])
        try add(1...9, to: path)
        #expect(try read() == (1...9).map { "\($0)" })
        #expect(try read { $0.tail = 2 } == ["8", "9"])
        let ndjson = try read { $0.cursorMark = "u" }
        let text = try #require(ndjson[6].split(separator: "\"").last { $0.hasPrefix("u.") })
        let cursor = try #require(LogPlace(String(text.dropFirst(2))))
        #expect(try read { $0.cursor = cursor } == ["8", "9"])
        // The client has renamed the file, and it may have any name.
        try move(path, path + ".1")
        #expect(try read() == [])
        try add(10...12, to: path)
        #expect(try read() == ["10", "11", "12"])
        #expect(
            try read { $0.cursor = cursor } == [
                "staunch: a part of the log was removed before it was read", "10", "11", "12",
            ])
    }

    @Test("a follower misses and repeats nothing while a client renames the file")
    func follows() throws {
        try add(1...2, to: path)
        var query = LogQuery()
        query.follows = true
        let reading = try RunningReader(home, query)
        #expect(reading.next() == "1" && reading.next() == "2")
        for turn in 1...3 {
            let first = turn * 10
            try move(path, path + ".\(turn)")
            // The writer has not been asked to change over yet.
            try add(first...first + 1, to: path + ".\(turn)")
            #expect(reading.next() == "\(first)" && reading.next() == "\(first + 1)")
            // The client may make the next file itself. The reader sees it before it tells of the
            // line.
            if turn == 2 { try Data().write(to: URL(fileURLWithPath: path)) }
            try add(first + 2...first + 2, to: path + ".\(turn)")
            #expect(reading.next() == "\(first + 2)")
            try add(first + 3...first + 3, to: path + ".\(turn)")
            try add(first + 4...first + 5, to: path)
            for number in first + 3...first + 5 { #expect(reading.next() == "\(number)") }
        }
        reading.finish()
        #expect(reading.next() == nil)
    }

    @Test("a reader is led to no other file by a link")
    func isNotLed() throws {
        try add(1...2, to: root + "/victim")
        try shell("ln -s ../victim pod/a.log")
        #expect(throws: SystemCallFailure.self) { try LogFinder(home).last() }
        try shell("rm pod/a.log; ln victim pod/a.log")
        #expect(throws: SystemCallFailure.self) { try LogFinder(home).last() }
    }
}
