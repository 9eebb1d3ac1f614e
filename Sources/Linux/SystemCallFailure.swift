// The only place that reads `errno`.

import CLinux
import Glibc

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

/// Returns `result`; throws the failure of `call` if it is negative.
@discardableResult
package func check<Number: SignedInteger>(
    _ result: Number, _ call: String, _ subject: @autoclosure () -> String
) throws(SystemCallFailure) -> Number {
    guard result < 0 else { return result }
    let number = errno
    throw SystemCallFailure(call: call, subject: subject(), errno: number)
}

/// Like `check`, for calls that a signal may interrupt.
@discardableResult
package func checkRetrying<Number: SignedInteger>(
    _ call: String, _ subject: @autoclosure () -> String, _ body: () -> Number
) throws(SystemCallFailure) -> Number {
    while true {
        let result = body()
        if result >= 0 { return result }
        let number = errno
        if number != EINTR {
            throw SystemCallFailure(call: call, subject: subject(), errno: number)
        }
    }
}

/// Ignores a failure on purpose; `reason` says why that is right.
package func ignoring(_ reason: StaticString, _ body: () throws(SystemCallFailure) -> Void) {
    do { try body() } catch {}
}
