//  A response whose body is made while it is sent.

import CHTTP
import Synchronization

/// Why a stream is over.
package enum HTTPStreamEnd: Equatable, Sendable {
    /// `close` was called and everything was handed to the kernel.
    case closed
    /// The client went away.
    case clientGone
    /// The client did not read for so long that the queue was full; it was cut off.
    case fellBehind
    case serverStopped
    /// The stream never reached a client.
    case neverSent
}

/// A body without an end: whoever has the stream pushes bytes from any thread, the client gets
/// them as chunks. While there is nothing to send, the connection is put aside and costs nothing.
package final class HTTPStream: Sendable {
    struct State {
        var queue = StreamQueue()
        var seat: Seat?
        var parking: Parking?
        var isClosing = false
        var end: HTTPStreamEnd?
        var isTold = false
    }

    /// The connection that the stream is sent on, from `attach` until `detach`.
    struct Seat {
        let lot: Lot
        let handle: ConnectionHandle
        let descriptor: CInt
    }

    let status: Int
    let contentType: String
    let headers: [(name: String, value: String)]
    private let queueLimit: Int
    private let onClose: @Sendable (HTTPStreamEnd) -> Void
    private let state = Mutex(State())

    /// - Parameters:
    ///   - queueLimit: how many bytes may wait for a slow client.
    ///   - onClose: called exactly once, on the server's thread (or where the last reference to a
    ///     stream that was never sent is dropped), never inside `push` or `close`.
    package init(
        status: Int = 200, contentType: String, headers: [(name: String, value: String)] = [],
        queueLimit: Int = 1 << 20, onClose: @escaping @Sendable (HTTPStreamEnd) -> Void = { _ in }
    ) {
        self.status = status
        self.contentType = contentType
        self.headers = headers
        self.queueLimit = queueLimit
        self.onClose = onClose
    }

    deinit {
        let isTold = state.withLock { $0.isTold }
        if !isTold { onClose(.neverSent) }
    }

    /// Queues bytes. False where they will never be sent, because the stream is over or this push
    /// was too much for its queue.
    @discardableResult
    package func push(_ bytes: [UInt8]) -> Bool {
        state.withLock { state in
            guard state.end == nil, !state.isClosing else { return false }
            guard state.queue.count + bytes.count <= queueLimit else {
                cutOff(&state)
                return false
            }
            state.queue.append(bytes)
            unpark(&state)
            return true
        }
    }

    /// Ends the stream after what was pushed.
    package func close() {
        state.withLock { state in
            state.isClosing = true
            unpark(&state)
        }
    }

    /// Ends the stream after what was pushed, because the server stops.
    func stop() {
        state.withLock { state in
            if !state.isClosing, state.end == nil { state.end = .serverStopped }
            state.isClosing = true
            unpark(&state)
        }
    }

    func attach(_ seat: Seat) { state.withLock { $0.seat = seat } }

    /// The connection is done with the stream. Tells `onClose`.
    func detach() {
        let end = state.withLock { state -> HTTPStreamEnd? in
            let isSent = state.isClosing && state.queue.isEmpty
            state.seat = nil
            state.queue = StreamQueue()
            let end = state.end ?? (isSent ? .closed : .clientGone)
            state.end = end
            defer { state.isTold = true }
            return state.isTold ? nil : end
        }
        if let end { onClose(end) }
    }

    /// MHD's thread asks for the next bytes: how many were copied, 0 where the connection was put
    /// aside, negative for the end.
    func read(into room: UnsafeMutableRawBufferPointer) -> Int {
        state.withLock { state in
            if let parking = state.parking.take() {
                switch parking.end {
                case .gone, .halfClosed: return unsafe cut(state, room)
                case .resumed, .expired, .stopping, nil: break
                }
            }
            if state.end == .fellBehind { return unsafe cut(state, room) }
            if !state.queue.isEmpty { return unsafe state.queue.take(into: room) }
            if state.isClosing { return HTTPStream.finished }
            return park(&state)
        }
    }

    /// MHD_CONTENT_READER_END_OF_STREAM and MHD_CONTENT_READER_END_WITH_ERROR.
    private static let finished = -1
    private static let failed = -2

    /// Ends the connection. Where a reader says that it failed, libmicrohttpd 0.9.75 closes the
    /// connection only at its idle timeout; where sending fails, at once. So it is given a byte
    /// that can no longer be sent.
    private func cut(_ state: State, _ room: UnsafeMutableRawBufferPointer) -> Int {
        guard let seat = state.seat, room.count > 0 else { return HTTPStream.failed }
        chttp_hang_up(seat.descriptor)
        unsafe room[0] = 0
        return 1
    }

    private func park(_ state: inout State) -> Int {
        guard let seat = state.seat else { return HTTPStream.failed }
        switch seat.lot.park(seat.handle, seat.descriptor, until: nil) {
        case .parked(let parking):
            state.parking = parking
            return 0
        case .full, .stopping:
            state.end = .serverStopped
            return HTTPStream.finished
        }
    }

    private func unpark(_ state: inout State) {
        if let seat = state.seat, let parking = state.parking { seat.lot.unpark(parking, .resumed) }
    }

    /// libmicrohttpd waits for a full socket and would do so until the idle timeout; shutting the
    /// socket down tells it now.
    private func cutOff(_ state: inout State) {
        state.end = .fellBehind
        state.queue = StreamQueue()
        if let seat = state.seat { chttp_hang_up(seat.descriptor) }
        unpark(&state)
    }
}
