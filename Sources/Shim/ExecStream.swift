// The bytes of an exec: its client's stream on one side, and the pipes of its processes on the
// other. A side that takes nothing stops the other, so nothing is kept but one piece each way.

import Bytes
import Kernel
import Linux
import ShimProtocol

final class ExecStream {
    enum Tag: UInt64 { case stream = 1, output, errors, input }

    /// The most bytes in one read. A frame needs one read and one write.
    private static let piece = 64 << 10

    private let client: OwnedDescriptor
    private let epoll: Epoll
    private var pipes: [OutputPipe] = []
    private var input: OwnedDescriptor?
    private var reader = StreamFrameReader()
    /// A piece of output with its header.
    private var frame = [UInt8](repeating: 0, count: StreamFrame.headerSize + piece)
    /// Output that the client has not taken.
    private var unsent: [UInt8] = []
    /// Input that the process has not taken.
    private var unread: [UInt8] = []
    private var isInputOver = false
    /// The client has hung up, or has sent something that is no frame.
    private(set) var isGone = false

    private final class OutputPipe {
        let channel: StreamFrame.Channel
        let reading: OwnedDescriptor
        var isOpen = true

        init(_ channel: StreamFrame.Channel, _ reading: consuming OwnedDescriptor) {
            self.channel = channel
            self.reading = reading
        }

        var tag: Tag { channel == .output ? .output : .errors }
    }

    /// Adopts the descriptors: the client's end, the reading ends of standard output and error, and
    /// the writing end of standard input, if the process has one.
    init(
        _ client: consuming OwnedDescriptor, output: consuming OwnedDescriptor,
        errors: consuming OwnedDescriptor, input: consuming OwnedDescriptor?
    ) throws(SystemCallFailure) {
        epoll = try Epoll()
        pipes = [OutputPipe(.output, output), OutputPipe(.errors, errors)]
        for pipe in pipes { try pipe.reading.setNonblocking() }
        try client.setNonblocking()
        try input?.setNonblocking()
        self.client = client
        self.input = input
        isInputOver = self.input == nil
    }

    /// Readable when one of the descriptors is.
    var number: CInt { epoll.number }

    var hasUnsent: Bool { !unsent.isEmpty && !isGone }

    /// What the pipes hold, when the runtime has failed: its words.
    func takeWords() -> [UInt8] {
        var words = RuntimeWords()
        for pipe in pipes {
            ignoring("what cannot be read is not heard") { () throws(SystemCallFailure) in
                words.add(try pipe.reading.read(limit: RuntimeWords.kept) ?? [])
            }
        }
        return words.bytes
    }

    /// The process runs: from now on its output and input are carried.
    func begin() throws(SystemCallFailure) {
        try epoll.add(client.number, .readable, tag: Tag.stream.rawValue)
        for pipe in pipes {
            try epoll.add(pipe.reading.number, .readable, tag: pipe.tag.rawValue)
        }
    }

    func advance() {
        for event in epoll.wait(milliseconds: 0) {
            guard let tag = Tag(rawValue: event.tag) else { continue }
            switch tag {
            case .stream: clientReady(event.interest)
            case .output: if let pipe = pipes.first { forward(pipe) }
            case .errors: if let pipe = pipes.last { forward(pipe) }
            case .input: feed()
            }
        }
    }

    private func clientReady(_ interest: Epoll.Interest) {
        if interest.hasAny(of: .hungUp | .failed) { return hangUp() }
        if interest.hasAny(of: .writable) { flush() }
        if interest.hasAny(of: .readable) { receive() }
    }

    // MARK: Output

    private func forward(_ pipe: OutputPipe) {
        guard pipe.isOpen, unsent.isEmpty else { return }
        if read(pipe) == 0 { close(pipe) }
        if !unsent.isEmpty { watchOutput(false) }
    }

    /// Returns how many bytes were read and are on their way; 0 at the end, `nil` if there are none
    /// now.
    private func read(_ pipe: OutputPipe) -> Int? {
        do throws(SystemCallFailure) {
            let count = try pipe.reading.read(
                into: &frame, from: StreamFrame.headerSize, limit: ExecStream.piece)
            guard let count, count > 0 else { return count }
            StreamFrame.putHeader(pipe.channel, count: count, into: &frame)
            send(frame[..<(StreamFrame.headerSize + count)])
            return count
        } catch { return 0 }
    }

    private func close(_ pipe: OutputPipe) {
        pipe.isOpen = false
        epoll.remove(pipe.reading.number)
    }

    private func send(_ bytes: ArraySlice<UInt8>) {
        if isGone { return }
        if unsent.isEmpty {
            do throws(SystemCallFailure) {
                let count = try client.write(bytes)
                unsent = Array(bytes[(bytes.startIndex + count)...])
            } catch { hangUp() }
        } else {
            unsent += bytes
        }
    }

    private func flush() {
        do throws(SystemCallFailure) {
            unsent.removeFirst(try client.write(unsent[...]))
        } catch { return hangUp() }
        if unsent.isEmpty { watchOutput(true) }
    }

    /// The pipes are read only when the client has taken everything.
    private func watchOutput(_ isFree: Bool) {
        for pipe in pipes where pipe.isOpen {
            isFree
                ? watch(pipe.reading.number, .readable, pipe.tag)
                : epoll.remove(pipe.reading.number)
        }
        watchClient()
    }

    private func watchClient() {
        if isGone { return }
        // A client that is not read is only seen to hang up.
        var interest = Epoll.Interest.none
        if !isInputOver && unread.isEmpty { interest = interest | .readable }
        if !unsent.isEmpty { interest = interest | .writable }
        ignoring("it is watched already, and its interest can be set") {
            () throws(SystemCallFailure) in
            try epoll.modify(client.number, interest, tag: Tag.stream.rawValue)
        }
    }

    private func watch(_ number: CInt, _ interest: Epoll.Interest, _ tag: Tag) {
        ignoring("a pipe that cannot be watched is read at the exec's end") {
            () throws(SystemCallFailure) in try epoll.add(number, interest, tag: tag.rawValue)
        }
    }

    /// The first process has ended: sends what the pipes hold. Other processes may keep writing, so
    /// it reads no more than a pipe holds.
    func finish() {
        for pipe in pipes where pipe.isOpen {
            var left = pipe.reading.pendingBytes
            while left > 0, let count = read(pipe), count > 0 { left -= count }
            close(pipe)
        }
        input = nil
        isInputOver = true
        watchClient()
    }

    private func hangUp() {
        isGone = true
        unsent = []
        epoll.remove(client.number)
    }

    // MARK: Input

    private func receive() {
        do throws(SystemCallFailure) {
            guard let bytes = try client.read(limit: ExecStream.piece) else { return }
            if bytes.isEmpty { isInputOver = true }
            try accept(bytes)
        } catch { return hangUp() }
        feed()
    }

    private func accept(_ bytes: [UInt8]) throws(SystemCallFailure) {
        do throws(WireFault) {
            try reader.read(bytes[...]) { (channel, part) throws(WireFault) in
                switch channel {
                case .input where !isInputOver: unread += part
                case .close where part.elementsEqual([StreamFrame.Channel.input.rawValue]):
                    isInputOver = true
                case .input, .output, .errors, .close:
                    throw WireFault("a frame that the exec does not take")
                }
            }
        } catch {
            throw SystemCallFailure(call: "read", subject: error.detail, errno: 71)  // EPROTO
        }
    }

    /// Gives the process what it has not taken, and ends its input after the last byte.
    private func feed() {
        do throws(SystemCallFailure) {
            unread.removeFirst(try input?.write(unread[...]) ?? unread.count)
        } catch {  // EPIPE: nothing reads this and what follows, which is dropped
            unread = []
            closeInput()
        }
        if let number = input?.number {
            epoll.remove(number)
            if !unread.isEmpty { watch(number, .writable, .input) }
        }
        if unread.isEmpty && isInputOver { closeInput() }
        watchClient()
    }

    private func closeInput() {
        if let number = input?.number { epoll.remove(number) }
        input = nil
    }
}
