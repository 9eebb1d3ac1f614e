// Tells once when a descriptor can be read, for sources that clients pull from.

import EventLoop
import Synchronization

final class ReadWatch: Sendable {
    private let isWatching = Mutex(false)

    /// Calls `ready` on the loop when `number` is readable, unless a call is due already. It keeps
    /// `owner`, which has the descriptor, until then.
    func begin(
        _ number: CInt, keeping owner: any AnyObject & Sendable,
        _ ready: @escaping @Sendable () -> Void
    ) {
        let isFirst = isWatching.withLock { isWatching in
            defer { isWatching = true }
            return !isWatching
        }
        guard isFirst else { return }
        onLoop {
            await ChildEnd.readable(number)
            withExtendedLifetime(owner) { self.isWatching.withLock { $0 = false } }
            ready()
        }
    }
}
