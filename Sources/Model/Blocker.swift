/// Why an object still exists. It has the same form in a helper's pipe and in the operation.
package struct Blocker: Equatable, Sendable {
    /// The reason for display, with words that an operator can search for.
    package let reason: String
    /// The name of the errno, such as `EBUSY`; `nil` if no system call failed.
    package let errno: String?

    package init(_ reason: String, errno: String? = nil) {
        self.reason = reason
        self.errno = errno
    }
}
