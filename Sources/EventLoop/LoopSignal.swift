// Signals once from the loop to a thread that waits.

package import Kernel
import Linux

package final class LoopSignal: Sendable {
    private let wakeup: Wakeup

    package init() throws(SystemCallFailure) { wakeup = try Wakeup() }

    package func send() { wakeup.signal() }

    /// Returns after `send`, or after `milliseconds`.
    package func wait(milliseconds: Int32) {
        ignoring("then the thread does not wait") { () throws(SystemCallFailure) in
            let epoll = try Epoll()
            try epoll.add(wakeup.descriptor.number, .readable, tag: 0)
            _ = epoll.wait(milliseconds: milliseconds)
        }
    }
}
