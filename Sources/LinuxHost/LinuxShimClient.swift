// The connection to one shim: it matches replies to requests by number, and passes exits on.

import EventLoop
import Host
import Kernel
import Linux
import OCI
import ShimProtocol

@Loop final class LinuxShimClient: ShimClient {
    private var socket: PacketSocket
    /// Connects once more, and encodes requests for a shim of version 1; `nil` if the shim is known
    /// to be of the current version.
    private var older: (shim: OlderShim, connect: Connect)?
    /// Whether `older` is in use.
    private var isOlder = false
    /// The shim's process if another daemon started it; `nil` if it had ended by then.
    private let pinned: PidDescriptor?
    private let pinnedNumber: CInt?
    /// The shim's pid if it is our child. Only this object takes its exit.
    var child: Int32?
    private var tag: UInt64?
    private var pending: [UInt32: CheckedContinuation<ShimReply?, Never>] = [:]
    private var unsent: [[UInt8]] = []
    /// The requests that an older shim would not have understood, until the shim has answered one.
    private var unproven: [(id: UInt32, request: ShimRequest)] = []
    private var isFlushDue = false
    private var lastID: UInt32 = 0
    private let events: ShimEvents
    private var ending: Task<Void, Never>?

    typealias Connect = @Sendable () throws(SystemCallFailure) -> PacketSocket

    /// Takes ownership of both descriptors.
    ///
    /// - Parameter older: for a shim that another daemon started. If that shim closes the
    ///   connection without an answer, it may be of version 1: the client asks again.
    init(
        _ socket: consuming PacketSocket, pinned: consuming PidDescriptor?, _ events: ShimEvents,
        older: (shim: OlderShim, connect: Connect)? = nil
    ) throws(SystemCallFailure) {
        self.socket = socket
        self.older = older
        pinnedNumber = pinned?.descriptor.number
        self.pinned = pinned
        self.events = events
        try watch()
    }

    private func watch() throws(SystemCallFailure) {
        tag = try Loop.shared.reactor.watch(socket.descriptor.number, .readable) {
            [weak self] _ in onLoop { self?.receive() }
        }
    }

    deinit {
        if let tag { Loop.shared.reactor.unwatch(socket.descriptor.number, tag) }
    }

    var isOpen: Bool { tag != nil }

    /// Returns the shim's answer; `nil` if the shim hung up first. There is no deadline: a busy
    /// shim answers `status`, and the caller waits for a stopped shim.
    func ask(_ request: ShimRequest) async -> ShimReply? {
        guard isOpen else { return nil }
        lastID &+= 1
        let id = lastID
        return await withCheckedContinuation { continuation in
            pending[id] = continuation
            send(request, id: id)
        }
    }

    /// Sends without waiting for the answer.
    func tell(_ request: ShimRequest) {
        guard isOpen else { return }
        lastID &+= 1
        send(request, id: lastID)
    }

    private func send(_ request: ShimRequest, id: UInt32) {
        if let older, isOlder {
            unsent.append(older.shim.packet(request, id: id))
        } else {
            if older != nil { unproven.append((id, request)) }
            unsent.append(request.packet(id: id))
        }
        flush()
    }

    private func flush() {
        guard !isFlushDue else { return }
        var sent = 0
        defer { unsent.removeFirst(sent) }
        while sent < unsent.count {
            do throws(SystemCallFailure) { try socket.send(unsent[sent]) } catch {
                // EAGAIN, ENOMEM, ENOBUFS: the shim does not read now, or there is no memory. The
                // socket accepts more before a reply can come, so the flush is tried again shortly.
                guard [11, 12, 105].contains(error.errno) else { return close() }
                return flushLater()
            }
            sent += 1
        }
    }

    /// Starts one timer, however many packets wait to be sent.
    private func flushLater() {
        isFlushDue = true
        Loop.shared.reactor.after(milliseconds: 20) { [weak self] in
            onLoop {
                self?.isFlushDue = false
                self?.flush()
            }
        }
    }

    private func receive() {
        while isOpen {
            do throws(SystemCallFailure) {
                guard let packet = try socket.receive() else { return }
                if packet.isEmpty { return close() }
                try handle(packet)
            } catch { return close() }
        }
    }

    private func handle(_ packet: [UInt8]) throws(SystemCallFailure) {
        do throws(WireFault) {
            let (version, message) = try ShimMessage.parse(packet)
            if version == ShimVersion.current { (older, unproven) = (nil, []) }
            switch message {
            case .reply(let id, let reply):
                pending.removeValue(forKey: id)?.resume(returning: reply.explained)
            case .exited(let task, _, let exit): events.sawExit(task, exit)
            }
        } catch { throw SystemCallFailure(call: "recv", subject: error.detail, errno: 71) }
    }

    func close() {
        guard stopWatching(), !fallBack() else { return }
        let waiting = pending
        pending = [:]
        for continuation in waiting.values { continuation.resume(returning: nil) }
        ending = onLoop { await self.takeExit() }
        events.lost()
    }

    /// Asks again in version 1, once. Returns `false` if there is nothing to ask, or no connection.
    private func fallBack() -> Bool {
        guard let older, !isOlder, !unproven.isEmpty else { return false }
        do throws(SystemCallFailure) {
            socket = try older.connect()
            try watch()
        } catch { return false }
        isOlder = true
        unsent = unproven.map { older.shim.packet($0.request, id: $0.id) }
        unproven = []
        flush()
        return true
    }

    /// Closes a connection for which no shim was started, without calling `lost`.
    func discard() { _ = stopWatching() }

    private func stopWatching() -> Bool {
        guard let tag else { return false }
        self.tag = nil
        Loop.shared.reactor.unwatch(socket.descriptor.number, tag)
        return true
    }

    /// Returns once the shim, which has hung up, has ended.
    func ended() async {
        older = nil
        close()
        await ending?.value
    }

    /// Takes the exit of the shim that hung up, because it is about to end.
    private func takeExit() async {
        if let child { return _ = await ChildEnd.of(child) }
        guard let pinnedNumber else { return }
        await ChildEnd.readable(pinnedNumber)
    }
}

extension ShimReply {
    /// The reply, in which the cause and the last error replace a runtime's log.
    fileprivate var explained: ShimReply {
        guard case .failed(.runtime, let log, let dropped) = self else { return self }
        let refusal = RuntimeRefusal(log: Array(log.utf8), standardError: [])
        let fault = refusal.cause == .mountSourceMissing ? ShimFault.sourceMissing : .runtime
        let more =
            dropped > 0 ? " (the \(dropped) bytes that the runtime said first are dropped)" : ""
        return .failed(fault, detail: refusal.message + more)
    }
}
