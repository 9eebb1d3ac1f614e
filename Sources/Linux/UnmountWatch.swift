// Reports that a file system is gone, without holding it (inotify(7), IN_UNMOUNT).

import CLinux
import Failpoints

package final class UnmountWatch {
    private let descriptor: OwnedDescriptor
    private var isOver = false

    /// `nil` if no descriptor is left.
    package init?(_ path: String) {
        // SAFETY: the C string lives for the call.
        let number = fallible("fd.inotify", .descriptor) { unsafe clinux_watch_unmount(path) }
        guard number >= 0 else { return nil }
        descriptor = OwnedDescriptor(adopting: number)
    }

    package var hasEnded: Bool {
        if isOver { return true }
        // EAGAIN, which is no failure, means that it is alive.
        do { isOver = try descriptor.read(limit: 256) != nil } catch { isOver = false }
        return isOver
    }
}
