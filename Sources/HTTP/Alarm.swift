//  The epoll set and the eventfd on which the watcher sleeps, until a peer hangs up or a thread
//  rings.

import Kernel
import Linux

/// An epoll descriptor and an eventfd, closed with this object.
final class Alarm: Sendable {
    enum Event {
        case hangup(token: UInt64, isGone: Bool)
        case bell
    }

    private let epoll: Epoll
    private let bell: Wakeup

    init() throws(HTTPServerFailure) {
        do throws(SystemCallFailure) {
            epoll = try Epoll()
            bell = try Wakeup()
            try epoll.add(bell.descriptor.number, .readable, tag: 0)
        } catch { throw .refused(call: error.call, errno: error.errno) }
    }

    /// Reports once that the peer has shut down its side.
    func watchHangup(of descriptor: CInt, token: UInt64) {
        ignoring("a deadline, or the next write, ends what cannot be watched") {
            () throws(SystemCallFailure) in
            try epoll.add(descriptor, .peerFinished | .once, tag: token)
        }
    }

    func unwatch(_ descriptor: CInt) { epoll.remove(descriptor) }

    /// Wakes the sleeper.
    func ring() { bell.signal() }

    /// Sleeps until something happens or `milliseconds` have passed (-1: without a limit).
    func sleep(milliseconds: CInt) -> [Event] {
        epoll.wait(milliseconds: milliseconds).map { event in
            guard event.tag == 0 else {
                let isGone = event.interest.hasAny(of: .hungUp | .failed)
                return .hangup(token: event.tag, isGone: isGone)
            }
            bell.clear()
            return .bell
        }
    }
}
