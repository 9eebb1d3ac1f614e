// The bytes of an exec: its client on one side, and the pipes or the terminal of its processes on
// the other. A side that takes nothing stops the other, so nothing is kept but one piece each way.
//
// An exec that is kept does not wait for a client that has gone. Its last output is kept for the
// next one.

import Bytes
import Kernel
import Linux
import ShimProtocol

final class ExecStream {
    enum Tag: UInt64 { case client = 1, output, errors, input }

    private let epoll: Epoll
    private var client: StreamClient?
    private var outputs: [Output] = []
    private var input: OwnedDescriptor?
    private var terminal: OwnedDescriptor?
    /// `nil` if the exec is not kept.
    private var kept: KeptOutput?
    /// A piece of output after room for its header.
    private var buffer = [UInt8](
        repeating: 0, count: StreamFraming.mostOfHeader + StreamClient.piece)
    /// Input that the process has not taken.
    private var unread: [UInt8] = []
    private var isInputOver = false
    private var isRunning = false
    private var readsOutput = true
    /// The interest in the client that the epoll has.
    private var clientInterest = Epoll.Interest.none

    private final class Output {
        let channel: StreamFrame.Channel
        let reading: OwnedDescriptor
        var isOpen = true

        init(_ channel: StreamFrame.Channel, _ reading: consuming OwnedDescriptor) {
            self.channel = channel
            self.reading = reading
        }

        var tag: Tag { channel == .output ? .output : .errors }
    }

    /// Adopts the descriptors: the reading ends of standard output and error, and the writing end
    /// of standard input, if the process has one.
    init(
        _ client: StreamClient?, keepsOutput: Bool, output: consuming OwnedDescriptor,
        errors: consuming OwnedDescriptor, input: consuming OwnedDescriptor?
    ) throws(SystemCallFailure) {
        epoll = try Epoll()
        outputs = [Output(.output, output), Output(.errors, errors)]
        for output in outputs { try output.reading.setNonblocking() }
        try input?.setNonblocking()
        self.client = client
        kept = keepsOutput ? KeptOutput() : nil
        self.input = input
        isInputOver = self.input == nil
    }

    /// Readable when one of the descriptors is.
    var number: CInt { epoll.number }

    var hasUnsent: Bool { client?.hasUnsent ?? false }

    /// The client that the exec depends on is gone.
    var isGone: Bool { kept == nil && client?.isGone ?? false }

    /// What the pipes hold, when the runtime has failed: its words.
    func takeWords() -> [UInt8] {
        var words = RuntimeWords()
        for output in outputs {
            ignoring("what cannot be read is not heard") { () throws(SystemCallFailure) in
                words.add(try output.reading.read(limit: RuntimeWords.kept) ?? [])
            }
        }
        return words.bytes
    }

    /// The process has a terminal, which replaces the pipes. Adopts the descriptor.
    func use(_ made: consuming OwnedDescriptor, _ size: TerminalSize) throws(SystemCallFailure) {
        try made.setNonblocking()
        outputs = [Output(.output, try .duplicating(made.number))]
        if input != nil { input = try .duplicating(made.number) }
        terminal = .some(made)
        resize(size)
    }

    private func resize(_ size: TerminalSize) {
        ignoring("it keeps its size") { () throws(SystemCallFailure) in
            guard let number = terminal?.number else { return }
            try Terminal.setSize(number, columns: size.columns, rows: size.rows)
        }
    }

    /// The process runs: from now on its output and input are carried.
    func begin() throws(SystemCallFailure) {
        for output in outputs {
            try epoll.add(output.reading.number, .readable, tag: output.tag.rawValue)
        }
        isRunning = true
        if let client { try welcome(client) }
    }

    /// Replaces the client. The exec must be kept.
    func attach(_ next: StreamClient) {
        dropClient()
        client = next
        guard isRunning else { return }
        do throws(SystemCallFailure) { try welcome(next) } catch {
            dropClient()
        }
        update()
    }

    private func welcome(_ client: StreamClient) throws(SystemCallFailure) {
        clientInterest = .readable
        try epoll.add(client.number, clientInterest, tag: Tag.client.rawValue)
        for piece in kept?.pieces ?? [] {
            client.send(client.framing.frame(piece.channel, piece.bytes)[...])
        }
        receive()
    }

    private func dropClient() {
        guard let client else { return }
        epoll.remove(client.number)
        client.close()
        self.client = nil
    }

    func advance() {
        for event in epoll.wait(milliseconds: 0) {
            guard let tag = Tag(rawValue: event.tag) else { continue }
            switch tag {
            case .client: clientReady(event.interest)
            case .output: if let output = outputs.first { forward(output) }
            case .errors: if let output = outputs.last { forward(output) }
            case .input: feed()
            }
        }
        update()
    }

    private func clientReady(_ interest: Epoll.Interest) {
        guard let client else { return }
        if interest.hasAny(of: .hungUp | .failed) { return lastWords(of: client) }
        if interest.hasAny(of: .writable) { client.flush() }
        if interest.hasAny(of: .readable) { receive() }
    }

    /// The client sent it before it hung up, so a kept exec gets it. A socket holds only so much.
    private func lastWords(of client: StreamClient) {
        for _ in 0..<64 where !client.isGone { receive(isHungUp: true) }
        client.hangUp()
    }

    /// Watches what can go on, and forgets a client that has gone if the exec is kept.
    private func update() {
        if let client, client.isGone {
            kept == nil ? epoll.remove(client.number) : dropClient()
        }
        let isFree = !hasUnsent
        if isFree != readsOutput {
            readsOutput = isFree
            for output in outputs where output.isOpen {
                isFree
                    ? watch(output.reading.number, .readable, output.tag)
                    : epoll.remove(output.reading.number)
            }
        }
        guard let client, !client.isGone else { return }
        // A client that is not read is only seen to hang up.
        var interest = Epoll.Interest.none
        if client.isSending && unread.isEmpty { interest = interest | .readable }
        if client.hasUnsent { interest = interest | .writable }
        if interest.bits == clientInterest.bits { return }
        clientInterest = interest
        ignoring("it is watched already, and its interest can be set") {
            () throws(SystemCallFailure) in
            try epoll.modify(client.number, interest, tag: Tag.client.rawValue)
        }
    }

    private func watch(_ number: CInt, _ interest: Epoll.Interest, _ tag: Tag) {
        ignoring("a pipe that cannot be watched is read at the exec's end") {
            () throws(SystemCallFailure) in try epoll.add(number, interest, tag: tag.rawValue)
        }
    }

    // MARK: Output

    private func forward(_ output: Output) {
        guard output.isOpen, !hasUnsent else { return }
        if read(output) == 0 { close(output) }
    }

    /// Returns how many bytes were read and are on their way; 0 at the end, `nil` if there are none
    /// now. A terminal that no process has open fails with EIO.
    private func read(_ output: Output) -> Int? {
        let room = StreamFraming.mostOfHeader
        do throws(SystemCallFailure) {
            let count = try output.reading.read(
                into: &buffer, from: room, limit: StreamClient.piece)
            guard let count, count > 0 else { return count }
            kept?.add(output.channel, buffer[room..<room + count])
            guard let client, !client.isGone else { return count }
            let header = client.framing.header(output.channel, count: count)
            buffer.replaceSubrange(room - header.count..<room, with: header)
            client.send(buffer[(room - header.count)..<(room + count)])
            return count
        } catch { return 0 }
    }

    private func close(_ output: Output) {
        output.isOpen = false
        epoll.remove(output.reading.number)
    }

    /// The first process has ended: sends what the pipes hold, or the terminal. Other processes may
    /// keep writing, so it reads no more than these hold.
    func finish() {
        for output in outputs where output.isOpen {
            var left = terminal == nil ? output.reading.pendingBytes : StreamClient.piece
            while left > 0, let count = read(output), count > 0 { left -= count }
            close(output)
        }
        // What the client still sends is dropped.
        closeInput()
        unread = []
        update()
    }

    /// Sends the last bytes.
    func conclude(_ status: (StreamFraming) -> [UInt8]?) {
        guard let client, let bytes = status(client.framing) else { return }
        client.send(bytes[...])
        update()
    }

    /// The client has its last bytes, or takes them no more.
    func close() { client?.close() }

    // MARK: Input

    private func receive(isHungUp: Bool = false) {
        client?.receive(isHungUp: isHungUp) { (input) throws(StreamFault) in
            switch input {
            case .bytes(let bytes):
                if isInputOver { throw StreamFault("input for an exec that takes none any more") }
                unread += bytes
            case .end:
                if isInputOver { return }
                isInputOver = true
                // A terminal has no end; its reader takes this character for one (termios(3)).
                if terminal != nil { unread.append(4) }
            case .size(let size): resize(size)
            case .ping, .closed: break
            }
        }
        feed()
    }

    /// Gives the process what it has not taken, and ends its input after the last byte.
    private func feed() {
        do throws(SystemCallFailure) {
            unread.removeFirst(try input?.write(unread[...]) ?? unread.count)
        } catch {  // EPIPE, EIO: nothing reads this and what follows, which is dropped
            unread = []
            closeInput()
        }
        if let number = input?.number {
            epoll.remove(number)
            if !unread.isEmpty { watch(number, .writable, .input) }
        }
        if unread.isEmpty && isInputOver && terminal == nil { closeInput() }
    }

    private func closeInput() {
        if let number = input?.number { epoll.remove(number) }
        input = nil
    }
}

/// The last output of an exec.
struct KeptOutput {
    /// Bytes of both channels.
    static let most = 64 << 10
    private static let mostPieces = 1024

    private(set) var pieces: [(channel: StreamFrame.Channel, bytes: ArraySlice<UInt8>)] = []
    private var count = 0

    mutating func add(_ channel: StreamFrame.Channel, _ bytes: ArraySlice<UInt8>) {
        if let last = pieces.last, last.channel == channel, last.bytes.count < 4096 {
            pieces[pieces.count - 1].bytes += bytes
        } else {
            pieces.append((channel, Array(bytes)[...]))
        }
        count += bytes.count
        while pieces.count > KeptOutput.mostPieces || count > KeptOutput.most {
            let first = pieces[0].bytes.count
            let excess = count - KeptOutput.most
            let cut = pieces.count > KeptOutput.mostPieces ? first : min(first, excess)
            if cut == first { pieces.removeFirst() } else { pieces[0].bytes.removeFirst(cut) }
            count -= cut
        }
    }
}
