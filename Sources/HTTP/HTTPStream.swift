//  A response whose body is made while it is sent.

import CHTTP
import Synchronization

/// Why a stream ended.
package enum HTTPStreamEnd: Equatable, Sendable {
    /// The source had no more bytes, and all bytes were handed to the kernel.
    case finished
    /// The client went away.
    case clientGone
    /// The source could not continue; the client receives a truncated body.
    case cutOff
    case serverStopped
    /// The stream never reached a client.
    case neverSent
}

/// The answer of a stream's source when it is asked for bytes.
package enum HTTPStreamPull: Sendable {
    /// The bytes to send next. The source is asked again when all of them are sent.
    case bytes([UInt8])
    /// No bytes now: the source calls `wake` when there are some.
    case nothing
    /// No bytes any more.
    case end
    /// Bytes are missing: the client must not take the received part for the whole.
    case cut
}

/// A body without an end. The source is asked for bytes only when all earlier bytes are sent, so a
/// client that does not read costs at most one batch. If there is nothing to send, the connection
/// is suspended and costs nothing.
package final class HTTPStream: Sendable {
    struct State {
        /// The bytes being sent, and how many of them were handed to libmicrohttpd.
        var batch: [UInt8] = []
        var taken = 0
        var seat: Seat?
        var parking: Parking?
        var isClosing = false
        var end: HTTPStreamEnd?
        var isTold = false
    }

    /// The connection that the stream is sent on, from `attach` until `detach`.
    struct Seat {
        let suspended: SuspendedConnections
        let handle: ConnectionHandle
        let descriptor: CInt
    }

    let status: Int
    let contentType: String
    let headers: [(name: String, value: String)]
    private let pull: @Sendable () -> HTTPStreamPull
    private let onClose: @Sendable (HTTPStreamEnd) -> Void
    private let state = Mutex(State())

    /// - Parameters:
    ///   - pull: the source. Called on the server's thread; it must not block and must not call the
    ///     stream.
    ///   - onClose: called exactly once, on the server's thread and never inside `wake`. If the
    ///     stream was never sent, it runs on the thread that drops the last reference.
    package init(
        status: Int = 200, contentType: String, headers: [(name: String, value: String)] = [],
        pull: @escaping @Sendable () -> HTTPStreamPull,
        onClose: @escaping @Sendable (HTTPStreamEnd) -> Void = { _ in }
    ) {
        self.status = status
        self.contentType = contentType
        self.headers = headers
        self.pull = pull
        self.onClose = onClose
    }

    deinit {
        let isTold = state.withLock { $0.isTold }
        if !isTold { onClose(.neverSent) }
    }

    /// Tells that there are bytes to pull; from any thread. Returns `false` if the stream is over.
    @discardableResult
    package func wake() -> Bool {
        state.withLock { state in
            guard state.end == nil, !state.isClosing else { return false }
            unpark(&state)
            return true
        }
    }

    /// Ends the stream after the bytes already pulled, because the server stops.
    func stop() {
        state.withLock { state in
            if !state.isClosing, state.end == nil { state.end = .serverStopped }
            state.isClosing = true
            unpark(&state)
        }
    }

    func attach(_ seat: Seat) { state.withLock { $0.seat = seat } }

    /// Called when the connection has finished with the stream. Calls `onClose`.
    func detach() {
        let end = state.withLock { state -> HTTPStreamEnd? in
            let isSent = state.isClosing && state.batch.isEmpty
            state.seat = nil
            state.batch = []
            let end = state.end ?? (isSent ? .finished : .clientGone)
            state.end = end
            defer { state.isTold = true }
            return state.isTold ? nil : end
        }
        if let end { onClose(end) }
    }

    /// Gives MHD's thread the next bytes. Returns the number of bytes copied, 0 if the connection
    /// was suspended, or a negative number for the end. The lock is held while the source is asked,
    /// and `wake` takes the same lock, so no wake is lost between `.nothing` and the parking.
    func read(into room: UnsafeMutableRawBufferPointer) -> Int {
        state.withLock { state in
            if let parking = state.parking.take() {
                switch parking.end {
                case .gone, .halfClosed: return unsafe cut(state, room)
                case .resumed, .expired, .stopping, nil: break
                }
            }
            if state.batch.isEmpty, !state.isClosing {
                switch pull() {
                case .bytes(let bytes): state.batch = bytes
                case .nothing: return park(&state)
                case .end: state.isClosing = true
                case .cut:
                    state.end = .cutOff
                    return unsafe cut(state, room)
                }
            }
            return state.batch.isEmpty ? HTTPStream.finished : unsafe take(&state, into: room)
        }
    }

    /// Copies as many bytes as fit; drops a batch that is sent.
    private func take(_ state: inout State, into room: UnsafeMutableRawBufferPointer) -> Int {
        let length = min(room.count, state.batch.count - state.taken)
        unsafe state.batch.withUnsafeBytes { bytes in
            let next = unsafe bytes[state.taken..<state.taken + length]
            unsafe room.copyMemory(from: UnsafeRawBufferPointer(rebasing: next))
        }
        state.taken += length
        if state.taken == state.batch.count { (state.batch, state.taken) = ([], 0) }
        return length
    }

    /// The values of MHD_CONTENT_READER_END_OF_STREAM and MHD_CONTENT_READER_END_WITH_ERROR.
    private static let finished = -1
    private static let failed = -2

    /// Ends the connection. If a reader reports failure, libmicrohttpd 0.9.75 closes the connection
    /// only at its idle timeout; if sending fails, it closes at once. So this hands MHD one byte
    /// that can no longer be sent.
    private func cut(_ state: State, _ room: UnsafeMutableRawBufferPointer) -> Int {
        guard let seat = state.seat, room.count > 0 else { return HTTPStream.failed }
        chttp_hang_up(seat.descriptor)
        unsafe room[0] = 0
        return 1
    }

    private func park(_ state: inout State) -> Int {
        guard let seat = state.seat else { return HTTPStream.failed }
        switch seat.suspended.park(seat.handle, seat.descriptor, until: nil) {
        case .parked(let parking):
            state.parking = parking
            return 0
        case .full, .stopping:
            state.end = .serverStopped
            return HTTPStream.finished
        }
    }

    private func unpark(_ state: inout State) {
        if let seat = state.seat, let parking = state.parking {
            seat.suspended.unpark(parking, .resumed)
        }
    }
}
