/// Why an object is still there: one shape from a helper's pipe to the operation that shows it.
package struct Blocker: Equatable, Sendable {
    /// For people, with words that an operator can search for.
    package let reason: String
    /// The name of the errno, such as `EBUSY`; `nil` if no system call failed.
    package let errno: String?

    package init(_ reason: String, errno: String? = nil) {
        self.reason = reason
        self.errno = errno
    }
}
