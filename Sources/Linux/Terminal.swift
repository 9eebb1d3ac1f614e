// For programs that drive others: a terminal, a pause, a child's end, a few files.

import CLinux
import Glibc
package import Kernel

package enum Terminal {
    /// Whether `descriptor` is a terminal, so that a person reads it.
    package static func isThere(_ descriptor: CInt) -> Bool { isatty(descriptor) == 1 }

    /// The number of columns; `nil` if this is not a terminal.
    package static func width(_ descriptor: CInt) -> Int? {
        let columns = clinux_terminal_width(descriptor)
        return columns > 0 ? Int(columns) : nil
    }

    /// Sets the size in characters, of which the terminal's processes are told (ioctl_tty(2),
    /// TIOCSWINSZ).
    package static func setSize(
        _ descriptor: CInt, columns: UInt16, rows: UInt16
    ) throws(SystemCallFailure) {
        try check(
            clinux_set_terminal_size(descriptor, columns, rows), "ioctl", "TIOCSWINSZ")
    }
}

package enum StandardOutput {
    /// A closed pipe loses only the text.
    package static func write(_ text: String) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            // SAFETY: the slice's storage lives for the call.
            let count = unsafe rest.withUnsafeBytes {
                unsafe Glibc.write(1, $0.baseAddress, $0.count)
            }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }
}

extension Thread {
    /// Blocks the calling thread; never use it on the daemon's or the shim's loop.
    package static func pause(seconds: Double) {
        usleep(UInt32(min(max(seconds, 0), 3600) * 1e6))
    }
}

extension PidDescriptor {
    /// Waits for a child's end and reaps it; `nil` if it is not our child.
    package borrowing func waitForExit() -> ChildExit? {
        var exit = clinux_exit()
        // SAFETY: the structure lives for the call.
        let result = unsafe clinux_wait_pidfd(descriptor.number, &exit)
        return result == 0 && exit.pid != 0 ? ChildExit(exit) : nil
    }

    /// Whether the process, a child or not, has ended.
    package borrowing func hasEnded(within milliseconds: CInt = 0) -> Bool {
        var entry = pollfd(fd: descriptor.number, events: Int16(POLLIN), revents: 0)
        // SAFETY: one structure, as the count says.
        return unsafe poll(&entry, 1, milliseconds) > 0
    }
}

extension Files {
    package static func makeLink(_ path: String, to target: String) throws(SystemCallFailure) {
        // SAFETY: both C strings live for the call.
        try check(unsafe symlink(target, path), "symlink", path)
    }

    /// Copies a file's content; replaces an existing target.
    package static func copy(
        _ source: String, to target: String, mode: UInt32
    ) throws(SystemCallFailure) {
        try replace(target, try read(source, limit: .max), mode: mode)
    }

    /// The free bytes for root on the file system of `path`.
    package static func freeBytes(at path: String) throws(SystemCallFailure) -> UInt64 {
        var found = statvfs()
        // SAFETY: the C string and the structure live for the call.
        try check(unsafe statvfs(path, &found), "statvfs", path)
        return UInt64(found.f_bfree) * UInt64(found.f_frsize)
    }
}
