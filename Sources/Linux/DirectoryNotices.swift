// Reports changes in one directory by a signal (fcntl(2), F_NOTIFY).
//
// An instance of inotify(7) would say more, but a user may have only 128 of them by default, and
// root's other programs need them, too.

import CLinux
import Failpoints
package import Kernel

/// For a helper: the signal comes to the thread that has made this.
package struct DirectoryNotices: ~Copyable {
    private let signals: SignalDescriptor
    private var directory: OwnedDescriptor?

    /// Blocks every signal of this thread.
    package init() throws(SystemCallFailure) {
        signals = try SignalDescriptor([CInt(CLINUX_SIGIO)])
    }

    /// Readable after a change.
    package var number: CInt { signals.descriptor.number }

    /// Watches this directory instead of the last one. Returns `false` if the kernel cannot.
    package mutating func watch(_ path: String) throws(SystemCallFailure) -> Bool {
        directory = nil
        let opened = try OwnedDescriptor.opening(path, 0o200000)  // O_DIRECTORY
        guard fallible("fd.notify", .noMemory, { clinux_notify(opened.number) }) == 0 else {
            return false
        }
        directory = consume opened
        return true
    }

    /// Forgets the changes up to now.
    package borrowing func clear() { while signals.next() != nil {} }
}
