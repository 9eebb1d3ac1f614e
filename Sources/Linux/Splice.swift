// Bytes that go from one pipe to another without being read.

import CLinux
import Failpoints
import Glibc

extension OwnedDescriptor {
    /// The bytes that are in this pipe; either end may ask.
    package var pendingBytes: Int { max(0, Int(clinux_pending(number))) }

    /// How many bytes another pipe, or /dev/null, took without being waited for; 0 at this pipe's
    /// end, `nil` if it has none now or the other has no room (splice(2)).
    package borrowing func splice(
        to other: CInt, atMost limit: Int
    ) throws(SystemCallFailure) -> Int? {
        let number = self.number
        let count = fallible("fd.splice", [.noMemory, .interrupted]) {
            clinux_splice(number, other, limit)
        }
        if count < 0 && (errno == EAGAIN || errno == EINTR) { return nil }
        return try check(count, "splice", "descriptor \(number)")
    }
}
