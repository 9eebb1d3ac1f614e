// A PID namespace with a first process that only reaps.

import CLinux
import Failpoints
package import Kernel

/// The first process of a PID namespace that several tasks share.
package final class Reaper {
    package let pid: Int32
    /// The namespace. With the descriptor a pid that is used again cannot be mistaken for it.
    package let namespace: OwnedDescriptor

    /// Starts it as the caller's child; it ends with the caller. The namespace is that of its
    /// children. `program` is the program's file, and `root` an empty directory.
    package init(
        program: borrowing OwnedDescriptor, root: borrowing OwnedDescriptor, name: String,
        uid: String
    ) throws(SystemCallFailure) {
        let (file, directory) = (program.number, root.number)
        // SAFETY: the C strings live for the call.
        pid = try check(
            effect("sandbox.reaper", .noMemory) {
                unsafe clinux_start_reaper(file, directory, name, uid)
            }, "clone", "PID namespace")
        namespace = try OwnedDescriptor.opening("/proc/\(pid)/ns/pid", 0)
    }
}

extension Mounts {
    /// A read-only copy of the mount at `path`, as far as it is below `path`. It is attached
    /// nowhere, so no path leads out of it. The mount must be in the caller's mount namespace.
    package static func cloneReadOnly(_ path: String) throws(SystemCallFailure) -> OwnedDescriptor {
        // SAFETY: the C string lives for the call.
        let made = try check(
            effect("mount.clone", .noMemory) { unsafe clinux_clone_read_only(path) }, "open_tree",
            path)
        return OwnedDescriptor(adopting: made)
    }
}
