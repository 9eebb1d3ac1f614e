// The connection to one shim: it matches replies to requests by number, and passes exits on.

import EventLoop
import Host
import Kernel
import Linux
import OCI
import ShimProtocol

@Loop final class LinuxShimClient: ShimClient {
    private var socket: PacketSocket
    private var dialect: Dialect
    /// The shim's process if another daemon started it; `nil` if it had ended by then.
    private let pinned: PidDescriptor?
    private let pinnedNumber: CInt?
    /// The shim's pid if it is our child. Only this object takes its exit.
    var child: Int32?
    private var tag: UInt64?
    private var pending: [UInt32: CheckedContinuation<ShimReply?, Never>] = [:]
    private var unsent: [Unsent] = []

    private struct Unsent {
        let packet: [UInt8]
        var source: (any ExecPassing)?
    }

    private var isFlushDue = false
    private var lastID: UInt32 = 0
    private let events: ShimEvents
    private var ending: Task<Void, Never>?

    typealias Connect = @Sendable () throws(SystemCallFailure) -> PacketSocket

    /// The version of the messages that the shim is asked in.
    enum Dialect {
        case current
        /// Another daemon started the shim, and the shim has not answered yet. If it closes the
        /// connection, it may be of version 1: the client connects again and repeats the requests
        /// that it has sent.
        case unproven(OlderShim, Connect, sent: [(id: UInt32, request: ShimRequest)])
        /// Version 1.
        case older(OlderShim)
    }

    /// Takes ownership of both descriptors.
    init(
        _ socket: consuming PacketSocket, pinned: consuming PidDescriptor?, _ events: ShimEvents,
        _ dialect: Dialect = .current
    ) throws(SystemCallFailure) {
        self.socket = socket
        self.dialect = dialect
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
    func ask(_ request: ShimRequest) async -> ShimReply? { await ask(request, source: nil) }

    func ask(_ request: ShimRequest, passing source: any ExecPassing) async -> ShimReply? {
        defer { source.handedOver() }
        return await ask(request, source: source)
    }

    private func ask(_ request: ShimRequest, source: (any ExecPassing)?) async -> ShimReply? {
        guard isOpen else { return nil }
        lastID &+= 1
        let id = lastID
        return await withCheckedContinuation { continuation in
            pending[id] = continuation
            send(request, id: id, source)
        }
    }

    /// Sends without waiting for the answer.
    func tell(_ request: ShimRequest) {
        guard isOpen else { return }
        lastID &+= 1
        send(request, id: lastID)
    }

    private func send(
        _ request: ShimRequest, id: UInt32, _ source: (any ExecPassing)? = nil
    ) {
        switch dialect {
        case .current: unsent.append(Unsent(packet: request.packet(id: id), source: source))
        case .unproven(let shim, let connect, let sent):
            dialect = .unproven(shim, connect, sent: sent + [(id, request)])
            unsent.append(Unsent(packet: request.packet(id: id), source: source))
        case .older(let shim): unsent.append(Unsent(packet: shim.packet(request, id: id)))
        }
        flush()
    }

    private func flush() {
        guard !isFlushDue else { return }
        var sent = 0
        var failure: SystemCallFailure?
        while failure == nil, sent < unsent.count {
            do throws(SystemCallFailure) {
                let next = unsent[sent]
                try socket.send(next.packet, passing: next.source?.passed ?? [])
                sent += 1
            } catch { failure = error }
        }
        // Removed before `close`, which may begin anew with other packets.
        unsent.removeFirst(sent)
        guard let failure else { return }
        // EAGAIN, ENOMEM, ENOBUFS: the shim does not read now, or there is no memory. The socket
        // accepts more before a reply can come, so the flush is tried again shortly.
        if [11, 12, 105].contains(failure.errno) { flushLater() } else { close() }
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
            if version == ShimVersion.current { dialect = .current }
            switch message {
            case .reply(let id, let reply):
                pending.removeValue(forKey: id)?.resume(returning: reply.explained)
            case .exited(let task, _, let exit): events.sawExit(task, exit)
            case .logged(let task, let state): events.sawLog(task, state)
            case .attemptsChanged(let task): events.attemptsChanged(task)
            case .execEnded(let id, let end): events.execEnded(id, end.explained)
            case .health(let task, let report): events.sawHealth(task, report)
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
        guard case .unproven(let shim, let connect, let sent) = dialect, !sent.isEmpty else {
            return false
        }
        do throws(SystemCallFailure) {
            socket = try connect()
            try watch()
        } catch { return false }
        dialect = .older(shim)
        unsent = sent.map { Unsent(packet: shim.packet($0.request, id: $0.id)) }
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
        dialect = .current
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
        if case .execs(let execs) = self { return .execs(execs.map(\.explained)) }
        guard case .failed(.runtime, let log, let dropped) = self else { return self }
        let refusal = RuntimeRefusal(log: Array(log.utf8), standardError: [])
        let fault = refusal.cause == .mountSourceMissing ? ShimFault.sourceMissing : .runtime
        let more =
            dropped > 0 ? " (the \(dropped) bytes that the runtime said first are dropped)" : ""
        return .failed(fault, detail: refusal.message + more)
    }
}

extension WireExecReport {
    fileprivate var explained: WireExecReport {
        WireExecReport(id: id, task: task, keeper: keeper, end: end?.explained)
    }
}

extension WireExecEnd {
    /// The end, in which the cause and the last error replace a runtime's log.
    fileprivate var explained: WireExecEnd {
        guard case .failed(.runtime, let log) = outcome else { return self }
        let refusal = RuntimeRefusal(log: Array(log.utf8), standardError: [])
        let fault: ShimFault =
            switch refusal.cause {
            case .executableNotFound: .programMissing
            case .executableNotPermitted: .programRefused
            case _: .runtime
            }
        return WireExecEnd(
            .failed(fault, detail: refusal.message), timedOut: timedOut, startedAt: startedAt,
            finishedAt: finishedAt)
    }
}
