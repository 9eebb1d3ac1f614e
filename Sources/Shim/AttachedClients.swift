// The clients that are attached to a task: each gets what the task writes from then on, and any of
// them may send input. The log writer serves them, because it reads the output.
//
// The task never waits for a client. A client that does not keep up is told so, and cut off.

import Kernel
import Linux
import ShimProtocol

final class AttachedClients {
    /// The most clients at a time.
    static let most = 16
    /// Bytes that wait for a client which keeps up: a file that a person prints in a terminal.
    private static let mostUnsent = 1 << 20
    /// Nanoseconds for which the clients can take the last output.
    private static let patience: Int64 = 500_000_000

    private final class Client {
        let stream: StreamClient
        var hasSent = false
        var isCutOff = false

        init(_ stream: StreamClient) { self.stream = stream }

        func status(_ bytes: (ExecStatus) -> [UInt8]) {
            stream.send(bytes(ExecStatus(of: nil, stream.framing))[...])
        }
    }

    private let mode: WireInput
    private let input: ProcessInput
    /// `nil` when it was called.
    private var inputOver: (() -> Void)?
    private var clients: [Client] = []
    /// Nothing is heard from the clients any more.
    private var hasEnded = false
    /// Made for the first client.
    private var epoll: Epoll?

    /// Adopts the writing end of the task's input, and its terminal. Calls `inputOver` when the
    /// pipe is closed.
    init(
        _ mode: WireInput, input: consuming OwnedDescriptor?,
        terminal: consuming OwnedDescriptor?, inputOver: @escaping () -> Void
    ) throws(SystemCallFailure) {
        self.mode = mode
        self.input = try ProcessInput(input)
        if let terminal { try self.input.use(terminal, takesInput: mode.isOpen) }
        self.inputOver = self.input.hasTerminal || self.input.number == nil ? nil : inputOver
        self.input.watch = { [unowned self] number, isWatched in watch(number, isWatched) }
    }

    private func watch(_ number: CInt, _ isWatched: Bool) {
        ignoring("it is tried again with the next input") { () throws(SystemCallFailure) in
            try isWatched
                ? epoll?.add(number, .writable, tag: UInt64(number)) : epoll?.remove(number)
        }
    }

    /// Whether a client may still send input through a pipe, or waits for the end of the task.
    var isOpen: Bool { inputOver != nil || !clients.isEmpty }

    /// Readable when one of the descriptors is; `nil` before the first client.
    var number: CInt? { epoll?.number }

    var isEmpty: Bool { clients.isEmpty }

    func add(_ stream: StreamClient) throws(SystemCallFailure) {
        if clients.count >= AttachedClients.most, let cut = clients.first(where: \.isCutOff) {
            remove(cut)
        }
        let client = Client(stream)
        guard clients.count < AttachedClients.most else {
            client.status {
                $0.frames(
                    error: "too-many", detail: "the task has \(AttachedClients.most) clients")
            }
            return stream.close()
        }
        if number == nil { epoll = .some(try Epoll()) }
        try epoll?.add(stream.number, stream.interest, tag: UInt64(stream.number))
        clients.append(client)
        receive(client)
        update()
    }

    // MARK: Output

    func copy(_ bytes: ArraySlice<UInt8>, of channel: StreamFrame.Channel) {
        if clients.isEmpty { return }
        for client in clients where !client.isCutOff {
            var start = bytes.startIndex
            while start < bytes.endIndex, !client.isCutOff {
                let end = min(start + StreamClient.piece, bytes.endIndex)
                client.stream.send(client.stream.framing.frame(channel, bytes[start..<end])[...])
                start = end
                if client.stream.unsentCount > AttachedClients.mostUnsent { cutOff(client) }
            }
        }
        update()
    }

    private func cutOff(_ client: Client) {
        client.isCutOff = true
        client.status {
            $0.frames(
                error: "stream-behind",
                detail: "the client did not keep up with the output, which goes on without it")
        }
    }

    /// The task's first process has ended, and its output so far was copied.
    func end(_ exit: TaskExit) {
        hasEnded = true
        for client in clients where !client.isCutOff { client.status { $0.frames(exit) } }
        update()
        let until = SystemClock.sinceBoot + AttachedClients.patience
        while clients.contains(where: \.stream.hasUnsent), SystemClock.sinceBoot < until {
            for event in epoll?.wait(milliseconds: 20) ?? [] {
                guard let stream = client(event.tag)?.stream else { continue }
                event.interest.hasAny(of: .writable) ? stream.flush() : stream.hangUp()
            }
            update()
        }
        close()
    }

    /// Nothing more goes to the clients, or comes from them.
    func close() {
        for client in clients { client.stream.close() }
        clients = []
        input.close()
        tellOfInput()
    }

    // MARK: Events

    func advance() {
        for event in epoll?.wait(milliseconds: 0) ?? [] {
            if event.tag == input.number.map({ UInt64($0) }) {
                input.feed()
            } else if let client = client(event.tag) {
                ready(client, event.interest)
            }
        }
        update()
    }

    private func client(_ tag: UInt64) -> Client? {
        clients.first { UInt64($0.stream.number) == tag }
    }

    private func ready(_ client: Client, _ interest: Epoll.Interest) {
        if interest.hasAny(of: .writable) { client.stream.flush() }
        if interest.hasAny(of: .hungUp | .failed) {
            client.stream.readLast { receive(client, isHungUp: true) }
        } else if interest.hasAny(of: .readable) {
            receive(client)
        }
    }

    /// Watches what can go on, and forgets the clients that have gone.
    private func update() {
        for client in clients {
            if client.stream.isGone || client.isCutOff && !client.stream.hasUnsent {
                remove(client)
                continue
            }
            let isHeard = !client.isCutOff && !input.hasUnread && !hasEnded
            guard let interest = client.stream.nextInterest(isHeard: isHeard) else { continue }
            ignoring("it is watched already, and its interest can be set") {
                () throws(SystemCallFailure) in
                try epoll?.modify(
                    client.stream.number, interest, tag: UInt64(client.stream.number))
            }
        }
        tellOfInput()
    }

    private func tellOfInput() {
        guard input.number == nil, let inputOver else { return }
        self.inputOver = nil
        inputOver()
    }

    private func remove(_ client: Client) {
        epoll?.remove(client.stream.number)
        client.stream.close()
        clients.removeAll { $0 === client }
        if client.hasSent { clientFinished() }
    }

    // MARK: Input

    private func receive(_ client: Client, isHungUp: Bool = false) {
        client.stream.receive(isHungUp: isHungUp) { (received) throws(StreamFault) in
            switch received {
            case .bytes(let bytes):
                guard input.number != nil else {
                    throw StreamFault("input for a task that takes none")
                }
                client.hasSent = true
                input.add(bytes)
            // A client that has sent nothing before it hangs up only watches.
            case .end: if client.hasSent || client.stream.isSending { clientFinished() }
            case .size(let size): input.resize(size)
            case .ping, .closed: break
            }
        }
    }

    /// A client that may have sent input sends no more.
    private func clientFinished() { if mode.isOpen, mode.isOnce { input.end() } }
}

/// The descriptors of a task's input, for its log writer.
struct TaskInput {
    var mode = WireInput()
    /// The writing end of a pipe; `nil` if there is none, or its input is over.
    var pipe: CInt?
    /// The terminal; `nil` if the task has none.
    var terminal: CInt?

    init() {}

    init(_ mode: WireInput, pipe: CInt?, terminal: CInt?) {
        self.mode = mode
        self.pipe = pipe
        self.terminal = mode.isTerminal ? terminal : nil
    }

    /// Adopts the pipe. Without a descriptor for that there are no clients.
    func clients(_ inputOver: @escaping () -> Void) -> AttachedClients? {
        do throws(SystemCallFailure) {
            var copy: OwnedDescriptor?
            if let terminal { copy = .some(try .duplicating(terminal)) }
            return try AttachedClients(
                mode, input: pipe.map { OwnedDescriptor(adopting: $0) }, terminal: copy,
                inputOver: inputOver)
        } catch { return nil }
    }
}
