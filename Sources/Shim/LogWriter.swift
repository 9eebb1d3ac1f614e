// The log writer: a helper process that reads a task's output, cuts it into lines and writes them.
// It may wait for the log's disk without any limit. Each byte is read once and written once, and a
// batch of lines costs one write.

import Bytes
import Kernel
import Linux
import ShimProtocol

struct LogWriter: ~Copyable {
    /// The most bytes in one read, and in a pipe.
    static let batch = 256 << 10
    /// Bytes of log lines that are written at once; short lines make many of them.
    private static let most = 512 << 10

    /// Nanoseconds for which a change to another file waits for the end of a line of many parts.
    private static let patience: Int64 = 100_000_000

    /// The tags in the epoll; those of the inputs follow.
    private enum Tag {
        static let control: UInt64 = 0
        static let clients: UInt64 = 1
        static let inputs: UInt64 = 2
    }

    private let control: SharedSocket
    /// How many requests to open the file anew have no answer yet, and CLOCK_BOOTTIME in
    /// nanoseconds of the time when the file is changed even between two parts of a line.
    private var asked = (count: 0, until: 0 as Int64)
    private let inputs: [LogInput]
    private let clients: AttachedClients?
    private let counters: LogCounters
    private var files: LogFiles
    private var gap = LogGap()
    /// Lines that are not written yet. Kept between batches while a task writes a lot; the writer
    /// of a quiet task frees it.
    private var lines: [UInt8] = []

    /// Adopts the descriptors: the reading ends of the task's streams, which must be nonblocking,
    /// with bytes that were read already; the task's input; and the connection to the shim, whose
    /// end asks the writer to finish.
    init(
        _ home: LogHome, _ limits: LogLimits, counters: LogCounters, control: CInt,
        inputs: [(stream: UInt8, descriptor: CInt, begin: [UInt8])],
        input: TaskInput = TaskInput()
    ) {
        files = LogFiles(home, limits)
        self.counters = counters
        let socket = SharedSocket(adopting: control)
        self.control = socket
        self.inputs = inputs.map {
            LogInput($0.stream, OwnedDescriptor(adopting: $0.descriptor), begin: $0.begin)
        }
        clients = input.clients { socket.tell(.inputOver) }
    }

    /// Runs until all streams have ended and no client has a use for it, or the shim asks it to
    /// finish. If
    /// the disk refuses lines (ENOSPC, EROFS), the writer drops and counts them. It writes the
    /// count before the next line that the disk takes.
    consuming func run() -> CInt {
        // A client, or the task, may hang up at any time.
        OwnProcess.ignoreBrokenPipes()
        do throws(SystemCallFailure) {
            let epoll = try Epoll()
            try epoll.add(control.number, .readable, tag: Tag.control)
            for (index, input) in inputs.enumerated() {
                try epoll.add(
                    input.descriptor.number, .readable, tag: Tag.inputs + UInt64(index))
                counters.add(taken: input.kept, of: input.number)
            }
            // The first clients have come before the first output.
            try hear(epoll)
            for input in inputs where !input.hasEnded && input.kept > 0 {
                copy(input.kept, of: input)
                log(input, isEnd: false)
            }
            while inputs.contains(where: { !$0.hasEnded }) || clients?.isOpen ?? false {
                takeOver()
                for event in epoll.wait(milliseconds: changeFile()) {
                    switch event.tag {
                    case Tag.control: try hear(epoll)
                    case Tag.clients: clients?.advance()
                    default:
                        let input = inputs[Int(event.tag - Tag.inputs)]
                        if input.hasEnded { continue }
                        _ = try take(input)
                        if input.hasEnded { epoll.remove(input.descriptor.number) }
                    }
                }
            }
            takeOver()
        } catch { return 1 }
        clients?.close()
        counters.finish()
        return 0
    }

    private mutating func hear(_ epoll: borrowing Epoll) throws(SystemCallFailure) {
        while var packet = try control.socket.receiveWithDescriptors() {
            if packet.bytes.isEmpty { return try finish() }
            let order: WriterOrder
            do throws(WireFault) { order = try WriterOrder(packet.bytes) } catch { continue }
            switch order {
            case .reopen(let count):
                if asked.count == 0 { asked.until = SystemClock.sinceBoot + LogWriter.patience }
                asked.count += count
            case .attach(let stream):
                guard let socket = packet.descriptors.next() else { continue }
                let isFirst = clients?.number == nil
                do throws(SystemCallFailure) {
                    try clients?.add(try StreamClient(socket, stream))
                    guard isFirst, let number = clients?.number else { continue }
                    try epoll.add(number, .readable, tag: Tag.clients)
                } catch {}  // the client sees its connection closed
            case .ended(let exit):
                for input in inputs { try drain(input) }
                clients?.end(exit)
            }
        }
    }

    /// Opens the file anew if the shim has asked for it, at the end of a line. Returns how many
    /// milliseconds may pass before the next call; -1 if nothing is asked.
    private mutating func changeFile() -> CInt {
        if asked.count == 0 { return -1 }
        let left = asked.until - SystemClock.sinceBoot
        if left > 0 && inputs.contains(where: \.isMidLine) { return CInt(left / 1_000_000 + 1) }
        var refusal: FileRefused?
        do throws(FileRefused) { gap.changedFile(isTorn: try files.reopen()) } catch {
            refusal = error
        }
        let count = min(asked.count, 65535)
        asked.count -= count
        control.tell(.reopened(count: count, record: LogOpening.record(refusal)))
        return -1
    }

    /// The shim reads no more: takes what is in the pipes. Processes outside the task may hold them
    /// open, so the writer takes no more than a pipe holds.
    private mutating func finish() throws(SystemCallFailure) {
        for input in inputs where !input.hasEnded {
            try drain(input)
            log(input, isEnd: true)
        }
        clients?.close()
    }

    /// Takes what there is, but no more than a pipe holds.
    private mutating func drain(_ input: LogInput) throws(SystemCallFailure) {
        for _ in 0..<64 where !input.hasEnded { if try !take(input) { return } }
    }

    /// The disk answers again: notes what the shim has dropped meanwhile, and reads from now on.
    private mutating func takeOver() {
        for input in inputs { noteDrops(of: input) }
        if counters.isDraining {
            counters.isDraining = false
            counters.addProgress()
        }
    }

    /// Returns `false` if there is nothing now.
    private mutating func take(_ input: LogInput) throws(SystemCallFailure) -> Bool {
        noteDrops(of: input)
        guard let count = try input.read() else { return false }
        counters.add(taken: count, of: input.number)
        copy(count, of: input)
        log(input, isEnd: count == 0)
        if count < LogWriter.batch / 4 {
            input.shrink()
            lines = []
        }
        return true
    }

    /// Gives the clients what was read last.
    private borrowing func copy(_ count: Int, of input: LogInput) {
        guard let clients, !clients.isEmpty else { return }
        clients.copy(input.last(count), of: input.number == 0 ? .output : .errors)
    }

    private mutating func log(_ input: LogInput, isEnd: Bool) {
        let now = SystemClock.timestamp()
        while true {
            let room = min(LogWriter.most, max(files.room, LineCutter.limit))
            input.cut(at: now, into: &lines, room: room)
            if lines.isEmpty { break }
            put(at: now, of: input)
        }
        if isEnd {
            input.end(at: now, into: &lines)
            put(at: now, of: input)
        }
        counters.settle(input.number, kept: input.kept)
        counters.addProgress()
    }

    private mutating func noteDrops(of input: LogInput) {
        let dropped = counters.dropped(input.number) - counters.noted(input.number)
        if dropped == 0 { return }
        counters.add(noted: dropped, of: input.number)
        let now = SystemClock.timestamp()
        input.endLine(at: now, into: &lines)
        let note = "\(dropped) bytes of output were dropped here"
        lines += LineCutter.note(note, at: now)
        clients?.copy(Array("staunch: \(note)\r\n".utf8)[...], of: .errors)
        put(at: now, of: input)
        counters.settle(input.number, kept: 0)
    }

    /// Writes the lines. A file ends with a whole line, if no line is longer than a file.
    private mutating func put(at now: [UInt8], of input: LogInput) {
        if lines.isEmpty { return }
        if files.open() { gap.changedFile(isTorn: true) }
        counters.add(lines: input.takeLineCount())
        let isNoted = !gap.needsNote || writeNote(at: now)
        let refused = isNoted ? files.write(lines[...]) : lines.count
        gap.wrote(lines[...], refused: refused)
        if refused > 0 { counters.add(refused: refused) }
        lines.removeAll(keepingCapacity: true)
        if files.isFull(isMidLine: inputs.contains { $0.isMidLine }) { files.rotate() }
    }

    private mutating func writeNote(at now: [UInt8]) -> Bool {
        let note = gap.note(at: now)
        let refused = files.write(note[...])
        gap.wroteNote(note, refused: refused)
        return refused == 0
    }
}

/// One stream on its way to the log.
private final class LogInput {
    let descriptor: OwnedDescriptor
    let number: UInt8
    private(set) var hasEnded = false
    private var text: LogText
    private var linesTaken: UInt64 = 0

    init(_ number: UInt8, _ descriptor: consuming OwnedDescriptor, begin: [UInt8]) {
        self.number = number
        self.descriptor = descriptor
        text = LogText(
            cutter: LineCutter(number == 0 ? "stdout" : "stderr"), buffer: begin, kept: begin.count)
    }

    var isMidLine: Bool { text.cutter.isMidLine }

    /// How many bytes are not in the log yet.
    var kept: Int { text.kept }

    /// Reads what the pipe has, behind the kept bytes. Returns the number; 0 at the end, `nil` if
    /// there are none now.
    func read() throws(SystemCallFailure) -> Int? {
        try text.read(descriptor, limit: max(1, min(descriptor.pendingBytes, LogWriter.batch)))
    }

    /// The last bytes that were read and are not cut.
    func last(_ count: Int) -> ArraySlice<UInt8> { text.buffer[(text.kept - count)..<text.kept] }

    /// Cuts what there is, as far as there is room, and keeps the rest.
    func cut(at now: [UInt8], into lines: inout [UInt8], room: Int) {
        text.cut(at: now, into: &lines, room: room)
    }

    /// The stream has ended, which completes its last line.
    func end(at now: [UInt8], into lines: inout [UInt8]) {
        endLine(at: now, into: &lines)
        hasEnded = true
    }

    func endLine(at now: [UInt8], into lines: inout [UInt8]) {
        text.endLine(at: now, into: &lines)
    }

    /// Frees what is not kept.
    func shrink() { text.shrink() }

    /// How many lines were cut since the last call.
    func takeLineCount() -> UInt64 {
        defer { linesTaken = text.cutter.lines }
        return text.cutter.lines - linesTaken
    }
}

/// The bytes of a stream that are not in the log yet: the first `kept` ones of the buffer.
private struct LogText {
    var cutter: LineCutter
    var buffer: [UInt8]
    var kept: Int

    mutating func read(
        _ descriptor: borrowing OwnedDescriptor, limit: Int
    ) throws(SystemCallFailure) -> Int? {
        if buffer.count < kept + limit {
            buffer += [UInt8](repeating: 0, count: kept + limit - buffer.count)
        }
        do throws(SystemCallFailure) {
            guard let count = try descriptor.read(into: &buffer, from: kept, limit: limit) else {
                return nil
            }
            kept += count
            return count
        } catch {
            // A terminal that no process has open any more.
            if error.errno == 5 { return 0 }  // EIO
            throw error
        }
    }

    mutating func cut(at now: [UInt8], into lines: inout [UInt8], room: Int) {
        // A copy, because the span of the buffer borrows all of the text.
        var cutter = cutter
        let taken = cutter.cut(
            buffer.span.extracting(first: kept), at: now, into: &lines, room: room)
        self.cutter = cutter
        if taken == 0 { return }
        buffer.moveToFront(taken..<kept)
        kept -= taken
    }

    mutating func endLine(at now: [UInt8], into lines: inout [UInt8]) {
        var cutter = cutter
        cutter.end(buffer.span.extracting(first: kept), at: now, into: &lines)
        self.cutter = cutter
        kept = 0
    }

    mutating func shrink() { buffer = Array(buffer[..<kept]) }
}

/// A log writer's end of the connection to the shim.
private final class SharedSocket {
    let socket: PacketSocket

    init(adopting number: CInt) {
        socket = PacketSocket(adopting: OwnedDescriptor(adopting: number))
    }

    var number: CInt { socket.descriptor.number }

    func tell(_ news: WriterNews) {
        ignoring("the shim sees the writer's end") { () throws(SystemCallFailure) in
            try socket.send(news.packet)
        }
    }
}
