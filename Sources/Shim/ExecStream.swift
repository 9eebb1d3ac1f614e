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
    private let input: ProcessInput
    /// Whether the client may send input.
    private var takesInput: Bool
    /// `nil` if the exec is not kept.
    private var kept: KeptOutput?
    /// A piece of output after room for its header.
    private var buffer = [UInt8](
        repeating: 0, count: StreamFraming.mostOfHeader + StreamClient.piece)
    private var isRunning = false
    private var readsOutput = true

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
        self.client = client
        kept = keepsOutput ? KeptOutput() : nil
        self.input = try ProcessInput(input)
        takesInput = self.input.number != nil
        self.input.watch = { [unowned self] number, isWatched in
            isWatched ? watch(number, .writable, .input) : epoll.remove(number)
        }
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
        outputs = [Output(.output, try .duplicating(made.number))]
        try input.use(made, takesInput: takesInput)
        input.resize(size)
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
        try epoll.add(client.number, client.interest, tag: Tag.client.rawValue)
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
            case .input: input.feed()
            }
        }
        update()
    }

    private func clientReady(_ interest: Epoll.Interest) {
        guard let client else { return }
        if interest.hasAny(of: .hungUp | .failed) {
            // A kept exec gets it.
            return client.readLast { receive(isHungUp: true) }
        }
        if interest.hasAny(of: .writable) { client.flush() }
        if interest.hasAny(of: .readable) { receive() }
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
        guard let client, !client.isGone,
            let interest = client.nextInterest(isHeard: !input.hasUnread)
        else { return }
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
            var left = input.hasTerminal ? StreamClient.piece : output.reading.pendingBytes
            while left > 0, let count = read(output), count > 0 { left -= count }
            close(output)
        }
        // What the client still sends is dropped.
        input.close()
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
        client?.receive(isHungUp: isHungUp) { (received) throws(StreamFault) in
            switch received {
            case .bytes(let bytes):
                if !takesInput { throw StreamFault("input for an exec that takes none any more") }
                input.add(bytes)
            case .end:
                takesInput = false
                input.end()
            case .size(let size): input.resize(size)
            case .ping, .closed: break
            }
        }
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
