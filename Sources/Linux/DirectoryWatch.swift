// Reports changes of directories (inotify(7)). The daemon has the descriptor and waits on it; a
// helper adds the directories, because that may wait for a disk (law 4).

import Bytes
import CLinux
import Failpoints
package import Kernel

package struct DirectoryWatch: ~Copyable, Sendable {
    /// Readable after a change.
    package let descriptor: OwnedDescriptor

    package init() throws(SystemCallFailure) {
        let number = fallible("fd.inotify", .descriptor) { clinux_inotify() }
        descriptor = OwnedDescriptor(adopting: try check(number, "inotify_init1", ""))
    }

    package init(adopting descriptor: consuming OwnedDescriptor) { self.descriptor = descriptor }

    /// Watches a directory and its files, whether it exists or comes later: a change of a name on
    /// the way to it is reported, too.
    package borrowing func add(_ path: String) throws(SystemCallFailure) {
        try addParent(of: path)
        try addIfThere(path, contents: true)
    }

    /// The parent comes first: a directory that is made before it is watched is then an event.
    private borrowing func addParent(of path: String) throws(SystemCallFailure) {
        guard !path.isSame(as: "/") else { return }
        let parent = Files.parent(of: path) ?? "/"
        while try !addIfThere(parent, contents: false) {
            try addParent(of: parent)
            // The parent may have been made since; if it is made later, that is an event.
            if try !Files.exists(parent) { return }
        }
    }

    /// Returns `false` if there is no such directory.
    @discardableResult
    private borrowing func addIfThere(
        _ path: String, contents: Bool
    ) throws(SystemCallFailure) -> Bool {
        // SAFETY: the C string lives for the call.
        let result = fallible("fd.watch", .descriptor) {
            unsafe clinux_watch_directory(descriptor.number, path, contents ? 1 : 0)
        }
        do throws(SystemCallFailure) { try check(result, "inotify_add_watch", path) } catch {
            // ENOENT, ENOTDIR
            guard error.errno == 2 || error.errno == 20 else { throw error }
            return false
        }
        return true
    }
}
