// The only place that reads `errno`.

import Glibc
package import Kernel

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
