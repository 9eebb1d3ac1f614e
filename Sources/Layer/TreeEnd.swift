// The end of an unpacking: the times of directories, and what is known of the tree.

import Archive
import Glibc
import Kernel
import LayerProtocol
import Linux

extension LayerTree {
    /// Sets the times of the directories, and describes the tree.
    func finish(_ description: inout LayerDescription) throws(SystemCallFailure) {
        try times.forEach { record throws(SystemCallFailure) in
            guard let found = try self.open(record.path, record.inode) else { return }
            if !record.isAgain { self.disk += try found.status().allocated }
            try found.setTimes(seconds: record.seconds, nanoseconds: record.nanoseconds)
        }
        description.entries = entries
        description.diskSize = disk
        description.implied = implied.paths { path, inode in
            do { return try self.open(path, inode) != nil } catch { return false }
        }
        description.rootIsExplicit = rootIsExplicit
        description.rootIsOpaque = rootIsOpaque
        description.droppedAttributes = droppedAttributes
    }

    /// The directory, if a later entry has not replaced it.
    private func open(
        _ path: [UInt8], _ inode: UInt64
    ) throws(SystemCallFailure) -> OwnedDescriptor? {
        do {
            let found = try root.opening(
                inRoot: path.terminated, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
            guard try found.status().identity.inode == inode else { return nil }
            return found
        } catch {
            guard [ENOENT, ENOTDIR, ELOOP].contains(error.errno) else { throw error }
            return nil
        }
    }
}
