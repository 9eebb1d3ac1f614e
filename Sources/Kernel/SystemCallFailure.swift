// A failed system call, as a value: each layer above the kernel may throw it and show it.

import CLinux

/// A failed system call: its name, its subject, and its `errno`.
package struct SystemCallFailure: Error, Equatable, Sendable, CustomStringConvertible {
    package let call: String
    package let subject: String
    package let errno: CInt

    package init(call: String, subject: String, errno: CInt) {
        self.call = call
        self.subject = subject
        self.errno = errno
    }

    package var description: String { "\(call) \(subject): \(errnoText)" }

    /// `ENOENT`, if the C library knows the number.
    package var errnoName: String { SystemCallFailure.name(of: errno) }

    package static func name(of errno: CInt) -> String {
        // SAFETY: it returns a static string, or NULL for an unknown number.
        unsafe clinux_error_name(errno).map { unsafe String(cString: $0) } ?? "errno \(errno)"
    }

    /// `ENOENT (No such file or directory)`, if the C library knows the number.
    package var errnoText: String {
        // SAFETY: it returns a static string, or NULL for an unknown number.
        let text = unsafe clinux_error_text(errno).map { unsafe String(cString: $0) }
        return "\(errnoName) (\(text ?? "unknown"))"
    }
}

/// Ignores a failure on purpose; `reason` says why that is right.
package func ignoring(_ reason: StaticString, _ body: () throws(SystemCallFailure) -> Void) {
    do { try body() } catch {}
}
