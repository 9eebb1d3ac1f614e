// Waits for many descriptors at once (epoll(7)), level-triggered.

import CLinux
import Failpoints
import Glibc
package import Kernel

package struct Epoll: ~Copyable, Sendable {
    /// Bits of epoll_ctl(2). It is no `OptionSet`, because the operations of one are instantiated
    /// at run time, which costs each idle shim 16 KiB of memory.
    package struct Interest: Sendable {
        package let bits: UInt32
        package static let readable = Interest(bits: 0x001)
        package static let urgent = Interest(bits: 0x002)
        package static let writable = Interest(bits: 0x004)
        /// Always reported.
        package static let failed = Interest(bits: 0x008)
        /// Always reported.
        package static let hungUp = Interest(bits: 0x010)
        /// Only what is always reported.
        package static let none = Interest(bits: 0)
        /// The peer has finished sending (EPOLLRDHUP).
        package static let peerFinished = Interest(bits: 0x2000)
        /// Is reported when it changes, and not while it stays (EPOLLET).
        package static let onChange = Interest(bits: 1 << 31)
        /// Is reported once, and not again until `modify` (EPOLLONESHOT).
        package static let once = Interest(bits: 1 << 30)

        package static func | (one: Interest, other: Interest) -> Interest {
            Interest(bits: one.bits | other.bits)
        }

        package func hasAny(of other: Interest) -> Bool { bits & other.bits != 0 }
    }

    package struct Event: Sendable {
        package let tag: UInt64
        package let interest: Interest
    }

    private let descriptor: OwnedDescriptor

    package init() throws(SystemCallFailure) {
        let number = fallible("fd.epoll", .descriptor) { clinux_epoll_create() }
        descriptor = OwnedDescriptor(adopting: try check(number, "epoll_create", ""))
    }

    /// Readable when a watched descriptor has an event.
    package var number: CInt { descriptor.number }

    /// Starts to watch `number`; the caller keeps it open as long as it is watched.
    package borrowing func add(
        _ number: CInt, _ interest: Interest, tag: UInt64
    ) throws(SystemCallFailure) {
        try set(CLINUX_EPOLL_ADD, number, interest, tag)
    }

    package borrowing func modify(
        _ number: CInt, _ interest: Interest, tag: UInt64
    ) throws(SystemCallFailure) {
        try set(CLINUX_EPOLL_MODIFY, number, interest, tag)
    }

    /// Must be called before `number` is closed.
    package borrowing func remove(_ number: CInt) {
        _ = clinux_epoll_set(
            descriptor.number, CInt(CLINUX_EPOLL_DELETE), number, 0, 0)
    }

    private borrowing func set(
        _ operation: Int, _ number: CInt, _ interest: Interest,
        _ tag: UInt64
    ) throws(SystemCallFailure) {
        let result = fallible("epoll.set", [.noMemory, .noSpace]) {
            clinux_epoll_set(descriptor.number, CInt(operation), number, interest.bits, tag)
        }
        try check(result, "epoll_ctl", "descriptor \(number)")
    }

    /// Returns the events; empty after `milliseconds` (-1: no timeout) or a signal.
    package borrowing func wait(milliseconds: CInt) -> [Event] {
        // On the stack, because an array would be on the heap of an idle shim.
        // SAFETY: there is room for 64, and the first ones are read that the kernel has written.
        unsafe withUnsafeTemporaryAllocation(of: clinux_epoll_event.self, capacity: 64) { found in
            let count = unsafe clinux_epoll_wait(
                descriptor.number, found.baseAddress, 64, milliseconds)
            return unsafe found.prefix(Int(max(0, count))).map {
                Event(tag: $0.tag, interest: Interest(bits: $0.events))
            }
        }
    }
}

/// Wakes an epoll loop from another thread (eventfd(2)).
package struct Wakeup: ~Copyable, Sendable {
    package let descriptor: OwnedDescriptor

    package init() throws(SystemCallFailure) {
        descriptor = OwnedDescriptor(adopting: try check(clinux_eventfd(), "eventfd", ""))
    }

    package borrowing func signal() {
        var one: UInt64 = 1
        // SAFETY: eight bytes are written from an integer of eight. A full counter wakes as well.
        _ = unsafe write(descriptor.number, &one, 8)
    }

    package borrowing func clear() {
        var count: UInt64 = 0
        // SAFETY: eight bytes are read into an integer of eight.
        _ = unsafe read(descriptor.number, &count, 8)
    }
}

/// Signals as a readable descriptor (signalfd(2)). Every signal of this thread is blocked after
/// that.
package struct SignalDescriptor: ~Copyable, Sendable {
    package let descriptor: OwnedDescriptor

    /// Blocks every signal; `signals` are reported through the descriptor.
    package init(_ signals: [CInt]) throws(SystemCallFailure) {
        try check(clinux_block_all_signals(), "sigprocmask", "")
        // SAFETY: the array ends in 0 and lives for the call.
        let number = try check(unsafe clinux_signalfd(signals + [0]), "signalfd", "")
        descriptor = OwnedDescriptor(adopting: number)
    }

    /// The next signal; `nil` if none is pending.
    package borrowing func next() -> CInt? {
        let signal = clinux_signalfd_read(descriptor.number)
        return signal == 0 ? nil : signal
    }
}
