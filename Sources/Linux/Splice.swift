// Moves bytes from one pipe to another without reading them.

import CLinux
import Failpoints
import Glibc
package import Kernel

extension OwnedDescriptor {
    /// The number of bytes in this pipe; works for either end.
    package var pendingBytes: Int { max(0, Int(clinux_pending(number))) }

    /// Moves bytes to another pipe, or to /dev/null, without waiting, and returns their number.
    /// Returns 0 at this pipe's end, `nil` if it is empty or the other is full (splice(2)).
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
