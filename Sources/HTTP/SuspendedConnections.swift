//  The suspended connections. libmicrohttpd does not watch a suspended connection, so this is the
//  only place that suspends and resumes, each park with exactly one unpark:
//
//      park ──> parked ──> unparked       [unpark: resumed; watcher: expired, gone; stop: stopping]
//      parked:   * MHD does not touch the connection, so its descriptor stays open and its own
//                * the descriptor is in our epoll, for the peer's hang-up
//      unparked: * MHD has it again; `parking.end` says why

import CHTTP
import Glibc
import Synchronization

/// Why a suspension ended.
enum ParkingEnd: Sendable {
    case resumed
    case expired
    /// The peer has finished sending; it may still read (RDHUP).
    case halfClosed
    /// The peer is gone.
    case gone
    case stopping
}

/// libmicrohttpd's connection, from `opened` until `closed`.
@safe struct ConnectionHandle: @unchecked Sendable {
    // SAFETY: used only on MHD's thread, and by `SuspendedConnections` while the connection is
    // suspended: MHD allows `MHD_resume_connection` from any thread then, and does not free it.
    let raw: OpaquePointer
}

/// One suspension of a connection.
final class Parking: Sendable {
    let token: UInt64
    let handle: ConnectionHandle
    let descriptor: CInt
    /// Nanoseconds on CLOCK_MONOTONIC; `.max` is never.
    let deadline: UInt64
    let countsAsWait: Bool
    private let ending = Mutex<ParkingEnd?>(nil)

    init(
        token: UInt64, handle: ConnectionHandle, descriptor: CInt, deadline: UInt64,
        countsAsWait: Bool
    ) {
        self.token = token
        self.handle = handle
        self.descriptor = descriptor
        self.deadline = deadline
        self.countsAsWait = countsAsWait
    }

    /// `nil` while the suspension lasts.
    var end: ParkingEnd? { ending.withLock { $0 } }

    func end(_ why: ParkingEnd) { ending.withLock { $0 = why } }
}

final class SuspendedConnections: Sendable {
    enum Answer {
        case parked(Parking)
        case full
        case stopping
    }

    private struct State {
        var parked: [UInt64: Parking] = [:]
        var waits = 0
        var lastToken: UInt64 = 0
        /// A lower bound of all deadlines; it may be too early, never too late.
        var earliest = UInt64.max
        var isStopping = false
    }

    let alarm: Alarm
    private let waitLimit: Int
    private let state = Mutex(State())

    init(waitLimit: Int) throws(HTTPServerFailure) {
        self.waitLimit = waitLimit
        self.alarm = try Alarm()
    }

    /// Suspends the connection; only on MHD's thread, in a callback for the connection. The lock is
    /// held from before the suspension until the parking is stored, so that `stop` misses no
    /// parking.
    func park(_ handle: ConnectionHandle, _ descriptor: CInt, until deadline: UInt64?) -> Answer {
        state.withLock { state in
            if state.isStopping { return .stopping }
            if deadline != nil, state.waits >= waitLimit { return .full }
            state.lastToken += 1
            let parking = Parking(
                token: state.lastToken, handle: handle, descriptor: descriptor,
                deadline: deadline ?? .max, countsAsWait: deadline != nil)
            unsafe MHD_suspend_connection(handle.raw)
            state.parked[parking.token] = parking
            state.waits += parking.countsAsWait ? 1 : 0
            alarm.watchHangup(of: descriptor, token: parking.token)
            if parking.deadline < state.earliest {
                state.earliest = parking.deadline
                alarm.ring()
            }
            return .parked(parking)
        }
    }

    /// Ends the parking, from any thread. Has no effect if the parking has already ended.
    func unpark(_ parking: Parking, _ why: ParkingEnd) {
        state.withLock { state in end(parking.token, why, &state) }
    }

    /// The number of waiting requests.
    var waits: Int { state.withLock { $0.waits } }

    /// Ends every parking, and prevents new ones.
    func stop() {
        state.withLock { state in
            state.isStopping = true
            for token in Array(state.parked.keys) { end(token, .stopping, &state) }
        }
    }

    /// Called by the watcher when a peer has hung up.
    func sawHangup(token: UInt64, isGone: Bool) {
        state.withLock { state in end(token, isGone ? .gone : .halfClosed, &state) }
    }

    /// Called by the watcher. Ends the parkings that are due at `now`, and returns the next
    /// deadline.
    func endDue(at now: UInt64) -> UInt64 {
        state.withLock { state in
            guard state.earliest <= now else { return state.earliest }
            let due = state.parked.values.filter { $0.deadline <= now }
            for parking in due { end(parking.token, .expired, &state) }
            state.earliest = state.parked.values.reduce(.max) { min($0, $1.deadline) }
            return state.earliest
        }
    }

    private func end(_ token: UInt64, _ why: ParkingEnd, _ state: inout State) {
        guard let parking = state.parked.removeValue(forKey: token) else { return }
        state.waits -= parking.countsAsWait ? 1 : 0
        alarm.unwatch(parking.descriptor)
        parking.end(why)
        // SAFETY: suspended until this call, so MHD has neither freed nor resumed it.
        unsafe MHD_resume_connection(parking.handle.raw)
    }
}

/// CLOCK_MONOTONIC, in nanoseconds.
func monotonicNow() -> UInt64 {
    var time = timespec()
    _ = unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}
