//  The thread that ends waits: at their deadline, and when a client hangs up. It sleeps while there
//  is nothing to watch.

import CHTTP
import Glibc
import Synchronization

final class Watcher: Sendable {
    private let suspended: SuspendedConnections
    private let isStopping = Atomic(false)
    private let thread: Mutex<pthread_t?>

    /// Starts the thread with the signal mask of the caller.
    init(suspended: SuspendedConnections) throws(HTTPServerFailure) {
        self.suspended = suspended
        self.thread = Mutex(nil)
        var thread = pthread_t()
        // SAFETY: the thread takes over this reference and gives it up as it ends.
        let context = unsafe Unmanaged.passRetained(self)
        let code = unsafe pthread_create(&thread, nil, watch, context.toOpaque())
        guard code == 0 else {
            unsafe context.release()
            throw .refused(call: "pthread_create", errno: code)
        }
        self.thread.withLock { $0 = thread }
    }

    /// Ends the thread and joins it.
    func stop() {
        isStopping.store(true, ordering: .releasing)
        suspended.alarm.ring()
        let thread = thread.withLock { $0.take() }
        if let thread { _ = pthread_join(thread, nil) }
    }

    fileprivate func run() {
        while !isStopping.load(ordering: .acquiring) {
            let next = suspended.endDue(at: monotonicNow())
            for event in suspended.alarm.sleep(milliseconds: milliseconds(until: next)) {
                guard case .hangup(let token, let isGone) = event else { continue }
                suspended.sawHangup(token: token, isGone: isGone)
            }
        }
    }

    /// Rounded up, so that the thread never wakes early; at most an hour, after which it sleeps
    /// again.
    private func milliseconds(until deadline: UInt64) -> CInt {
        guard deadline != .max else { return -1 }
        let now = monotonicNow()
        guard deadline > now else { return 0 }
        return CInt(min((deadline - now) / 1_000_000 + 1, 3_600_000))
    }
}

private func watch(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let context = unsafe context else { return nil }
    // SAFETY: the reference that `init` retained for this thread.
    let watcher = unsafe Unmanaged<Watcher>.fromOpaque(context).takeRetainedValue()
    unsafe chttp_name_thread("http-watch")
    watcher.run()
    return nil
}
