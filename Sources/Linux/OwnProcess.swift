// The calling process: its environment and its properties.

import Bytes
import CLinux
import Glibc
package import Kernel

package enum Environment {
    /// The variable's value; `nil` if it is not set.
    package static func value(of name: String) -> String? {
        // SAFETY: nothing changes the environment once there are threads; the text is copied.
        unsafe getenv(name).map { unsafe String(cString: $0) }
    }

    /// Returns the value and unsets the variable. Call it before any thread exists.
    package static func take(_ name: String) -> String? {
        defer {
            // SAFETY: the C string lives for the call, and no other thread exists yet.
            _ = unsafe unsetenv(name)
        }
        return value(of: name)
    }
}

package enum OwnProcess {
    package static var pid: Int32 { getpid() }

    /// umask(2); returns the previous mask.
    package static func setMask(_ mask: UInt32) -> UInt32 { umask(mask) }

    /// Files created from now on are private to the user, unless a mode is set afterwards.
    package static func keepFilesPrivate() { _ = umask(0o077) }

    /// The number of online processors; 1 if it is unknown (sysconf(3)).
    package static var processors: Int { max(1, sysconf(CInt(_SC_NPROCESSORS_ONLN))) }

    package static var isRoot: Bool { geteuid() == 0 }

    /// The program's file; `nil` if /proc does not tell.
    package static var executable: String? { link("/proc/self/exe") }

    package static var currentDirectory: String? { link("/proc/self/cwd") }

    /// A write to a closed socket or pipe fails with EPIPE, and does not end the process.
    package static func ignoreBrokenPipes() {
        signal(SIGPIPE, SIG_IGN)
    }

    /// Resets SIGCHLD, because the parent may have ignored it: then children would vanish without a
    /// status (waitid(2)).
    package static func awaitChildren() {
        signal(SIGCHLD, SIG_DFL)
    }

    /// The capabilities in effect: the bit 1 << n is the capability n (capabilities(7)).
    package static func capabilities() throws(SystemCallFailure) -> UInt64 {
        let lines = try Files.text("/proc/self/status").fields("\n")
        let digits = lines.lazy.compactMap { $0.after("CapEff:\t") }.first
        return digits.flatMap { UInt64($0, radix: 16) } ?? 0
    }

    /// The hard limit of a resource (getrlimit(2)); `nil` if the kernel does not know it.
    package static func hardLimit(_ resource: CInt) -> UInt64? {
        var hard = UInt64(0)
        // SAFETY: the number is written before the call returns.
        return unsafe clinux_hard_limit(resource, &hard) == 0 ? hard : nil
    }

    /// Ends the process at once, without destructors and without waiting for threads (_exit(2)).
    package static func end(_ code: CInt) -> Never { _exit(code) }

    private static func link(_ path: String) -> String? {
        var target = [CChar](repeating: 0, count: 4096)
        // SAFETY: readlink(2) writes at most as many bytes as there are.
        let count = unsafe readlink(path, &target, target.count)
        guard count > 0 else { return nil }
        return String(decoding: target.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

extension Files {
    /// Whether this is a file that the process may execute.
    package static func isExecutable(_ path: String) -> Bool {
        // SAFETY: the C string lives for the call.
        guard unsafe access(path, X_OK) == 0 else { return false }
        do { return try !isDirectory(path) } catch { return false }
    }
}
