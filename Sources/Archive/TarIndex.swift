// Where the members of a tar are, such as the layers and documents of an archive of images.

import CArchive
import Glibc
import Kernel
package import Linux

/// A member of a tar.
package struct TarMember: Equatable, Sendable {
    package let entry: TarItem
    /// Where its data begins in the file, in bytes. It has `entry.size` bytes there.
    package let offset: Int64
}

/// The members of a tar that is not compressed, in a file that can be read at any place.
@safe package final class TarIndex {
    private let file: OwnedDescriptor
    private let archive: ArchiveHandle

    package init(_ file: consuming OwnedDescriptor) throws(ArchiveFailure) {
        self.file = file
        archive = ArchiveHandle()
        // SAFETY: the archive lives as long as `self`, and so does the descriptor.
        let reader = unsafe archive.pointer
        try archive.configure(unsafe archive_read_support_format_tar(reader))
        // It seeks past the data (archive_read_open(3)).
        guard unsafe archive_read_open_fd(reader, self.file.number, 65536) == ARCHIVE_OK else {
            throw .damaged("the tar: \(archive.reason)")
        }
    }

    /// `nil` at the end of the tar.
    package func next() throws(ArchiveFailure) -> TarMember? {
        var entry: OpaquePointer?
        // SAFETY: the entry is used until the next call only.
        let result = unsafe archive_read_next_header(archive.pointer, &entry)
        if result == ARCHIVE_EOF { return nil }
        let isCharset = result == ARCHIVE_WARN && archive.warnsOfCharset
        guard result == ARCHIVE_OK || isCharset, let entry = unsafe entry,
            let read = unsafe TarItem(entry)
        else { throw .damaged("the tar: \(archive.reason)") }
        // The bytes that were consumed, because nothing is compressed: the headers up to the data.
        return TarMember(entry: read, offset: unsafe archive_filter_bytes(archive.pointer, 0))
    }
}
