//  What the watcher sleeps on: an epoll set of peers that may hang up, and a bell.

import CHTTP
import Glibc

/// An epoll descriptor and an eventfd, closed with this object.
final class Alarm: Sendable {
    enum Event {
        case hangup(token: UInt64, isGone: Bool)
        case bell
    }

    private let epoll: CInt
    private let bell: CInt

    init() throws(HTTPServerFailure) {
        epoll = chttp_epoll()
        bell = chttp_eventfd()
        guard epoll >= 0, bell >= 0, chttp_watch_readable(epoll, bell, 0) == 0 else {
            throw .refused(call: "epoll_create1", errno: errno)
        }
    }

    deinit {
        close(epoll)
        close(bell)
    }

    /// Tells once when the peer has shut down its side. A descriptor that cannot be watched (the
    /// limit of /proc/sys/fs/epoll) still has its deadline, or its next write, to end it.
    func watchHangup(of descriptor: CInt, token: UInt64) {
        _ = chttp_watch_hangup(epoll, descriptor, token)
    }

    func unwatch(_ descriptor: CInt) { _ = chttp_unwatch(epoll, descriptor) }

    /// Wakes the sleeper.
    func ring() {
        var one: UInt64 = 1
        _ = unsafe write(bell, &one, 8)
    }

    /// Sleeps until something happens or `milliseconds` have passed (-1: for as long as it takes).
    func sleep(milliseconds: CInt) -> [Event] {
        var events = [chttp_event](repeating: chttp_event(), count: 64)
        let count = unsafe chttp_wait(epoll, &events, CInt(events.count), milliseconds)
        guard count > 0 else { return [] }
        return events.prefix(Int(count)).map { event in
            guard event.token == 0 else {
                return .hangup(token: event.token, isGone: chttp_is_gone(event.why) != 0)
            }
            var rings: UInt64 = 0
            _ = unsafe read(bell, &rings, 8)
            return .bell
        }
    }
}
