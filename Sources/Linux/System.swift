// Clocks, locks and limits.

import Bytes
import CLinux
import Failpoints
import Glibc
package import Kernel

package enum SystemClock {
    /// Nanoseconds since boot, including suspend: for durations.
    package static var sinceBoot: Int64 { clinux_boot_time() }
    /// Milliseconds since 1970: for people.
    package static var wall: Int64 { clinux_wall_time() }

    /// Blocks the calling thread: only for helpers, and for the daemon's start, before its loop.
    package static func pause(milliseconds: UInt32) { usleep(milliseconds * 1000) }

    /// The wall clock in RFC 3339, with nanoseconds.
    package static func timestamp() -> [UInt8] {
        var text = [CChar](repeating: 0, count: 32)
        // SAFETY: the function writes 31 bytes at most.
        unsafe clinux_timestamp(&text)
        return text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
    }
}

package enum SystemInfo {
    /// The kernel's random id of this boot (random(4)).
    package static func bootID() throws(SystemCallFailure) -> String {
        try Files.text("/proc/sys/kernel/random/boot_id").upTo("\n")
    }

    package static func kernelRelease() throws(SystemCallFailure) -> String {
        try Files.text("/proc/sys/kernel/osrelease").upTo("\n")
    }

    /// The release's first two numbers, such as `[6, 1]`.
    package static func kernelVersion() throws(SystemCallFailure) -> [Int] {
        try kernelRelease().fields(".").prefix(2).compactMap { Int($0) }
    }

    /// Whether the kernel supports x86-64's x32 ABI.
    package static var hasX32: Bool { clinux_has_x32() == 1 }

    #if arch(arm64)
        package static let isARM = true
    #else
        package static let isARM = false
    #endif

    /// Unmaps program text that only the startup needed; used pages are mapped again from the page
    /// cache. For the daemon, after its startup.
    package static func releaseStartupText() { clinux_release_text() }

    /// Raises the soft limit of open descriptors to the hard limit; call it before other threads
    /// exist.
    package static func raiseDescriptorLimit() { _ = clinux_raise_descriptor_limit() }

    /// The limit before that; `nil` if it was not raised.
    package static var firstDescriptorLimit: (soft: UInt64, hard: UInt64)? {
        var (soft, hard) = (UInt64(0), UInt64(0))
        // SAFETY: both are written before the call returns.
        unsafe clinux_first_descriptor_limit(&soft, &hard)
        return hard == 0 ? nil : (soft, hard)
    }
}

extension OwnedDescriptor {
    /// Takes the file's exclusive flock(2); `false` if another open file holds it. It is held until
    /// the last descriptor of this open file, in any process, is closed.
    package borrowing func tryLock() throws(SystemCallFailure) -> Bool {
        if effect("lock.take", [], { clinux_lock(number) }) == 0 { return true }
        if errno == EWOULDBLOCK { return false }
        throw SystemCallFailure(call: "flock", subject: "descriptor \(number)", errno: errno)
    }

    /// Takes the same lock, and waits as long as another open file holds it.
    package borrowing func lock() throws(SystemCallFailure) {
        if effect("lock.wait", [], { clinux_wait_for_lock(number) }) == 0 { return }
        throw SystemCallFailure(call: "flock", subject: "descriptor \(number)", errno: errno)
    }

    /// Sets a pipe's capacity in bytes; if the kernel refuses, it stays unchanged.
    package borrowing func setPipeSize(_ bytes: CInt) {
        _ = clinux_set_pipe_size(number, bytes)
    }
}

package enum StandardError {
    /// Writes once; a full disk or a closed pipe loses only the line.
    package static func write(_ text: String) {
        let bytes = Array(text.utf8)
        // SAFETY: the array's storage lives for the call.
        _ = unsafe Glibc.write(2, bytes, bytes.count)
    }
}
