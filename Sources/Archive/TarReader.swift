// Reads a tar entry by entry: libarchive's reader of ustar, pax and GNU tar.
//
// The process must stay in the locale "C". In a UTF-8 locale libarchive 3.6 normalizes the names of
// pax headers to NFC, so that `é` in two scalars becomes one, and a file gets another name. In "C"
// it takes the bytes as they are, and warns.

import CArchive
import Failpoints
import Glibc
import Kernel
package import Linux

/// The entries of the tar of an `Inflater`.
@safe package final class TarReader {
    private let source: TarSource
    private let archive: ArchiveHandle
    /// The present entry, which belongs to the archive.
    private var entry: OpaquePointer?

    package init(_ inflater: Inflater) throws(ArchiveFailure) {
        source = TarSource(inflater)
        archive = ArchiveHandle()
        // SAFETY: the archive lives as long as `self`, and so does the source that it reads from.
        let reader = unsafe archive.pointer
        try archive.configure(unsafe archive_read_support_format_tar(reader))
        let context = unsafe Unmanaged.passUnretained(source).toOpaque()
        let opened = unsafe archive_read_open(
            reader, context, nil,
            { _, context, out in
                guard let context = unsafe context else { return -1 }
                return unsafe Unmanaged<TarSource>.fromOpaque(context).takeUnretainedValue()
                    .read(out)
            }, nil)
        guard opened == ARCHIVE_OK, try next() != nil else { throw failureOfTar }
    }

    /// Goes to the next entry, past the data of the present entry; `nil` at the end of the tar.
    package func next() throws(ArchiveFailure) -> TarItem? {
        // SAFETY: the entry is used until the next call only.
        let result = unsafe archive_read_next_header(archive.pointer, &entry)
        if result == ARCHIVE_EOF && source.failure == nil { return nil }
        guard result == ARCHIVE_OK || (result == ARCHIVE_WARN && isOnlyCharset) else {
            throw failureOfTar
        }
        guard let entry = unsafe entry, let read = unsafe TarItem(entry) else {
            throw .damaged("an entry without a name")
        }
        return read
    }

    /// Writes the data of the present entry to a file, each piece at its place, so that holes stay
    /// holes. Returns the end of the last piece.
    package func writeData(to file: borrowing OwnedDescriptor) throws(ArchiveFailure) -> Int64 {
        var end: Int64 = 0
        while true {
            var (block, size, offset): (UnsafeRawPointer?, Int, la_int64_t) = (nil, 0, 0)
            // SAFETY: libarchive sets all three, and the block lives until the next call.
            let result = unsafe archive_read_data_block(archive.pointer, &block, &size, &offset)
            if result == ARCHIVE_EOF { return end }
            guard result == ARCHIVE_OK else { throw failureOfTar }
            guard size > 0 else { continue }
            unsafe try write(UnsafeRawBufferPointer(start: block, count: size), offset, to: file)
            end = max(end, offset + Int64(size))
        }
    }

    private func write(
        _ bytes: UnsafeRawBufferPointer, _ offset: Int64, to file: borrowing OwnedDescriptor
    ) throws(ArchiveFailure) {
        let number = file.number
        var done = 0
        while done < bytes.count {
            let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[done...])
            let place = off_t(offset) + off_t(done)
            // SAFETY: the block lives for the call.
            let result = effect("fd.pwrite", [.noSpace, .inputOutput, .interrupted]) {
                unsafe pwrite(number, rest.baseAddress, rest.count, place)
            }
            if result < 0 && errno == EINTR { continue }
            do throws(SystemCallFailure) { done += try check(result, "pwrite", "") } catch {
                throw .call(error)
            }
        }
    }

    /// Whether the warning is about the locale. Any other warning is about a header that libarchive
    /// has passed over, so the entry would not be what the tar says.
    private var isOnlyCharset: Bool { archive.warnsOfCharset }

    private var failureOfTar: ArchiveFailure {
        source.failure ?? .damaged("the tar: \(archive.reason)")
    }
}

extension TarItem {
    /// `nil` if the entry has no path.
    // SAFETY: `entry` lives for the call, and everything is copied.
    init?(_ entry: OpaquePointer) {
        guard let path = unsafe archive_entry_pathname(entry) else { return nil }
        unsafe self.init(
            kind: TarItem.kind(entry), path: bytes(path),
            mode: UInt32(archive_entry_perm(entry)) & 0o7777,
            owner: archive_entry_uid(entry), group: archive_entry_gid(entry),
            seconds: Int64(archive_entry_mtime(entry)),
            nanoseconds: Int(archive_entry_mtime_nsec(entry)), size: archive_entry_size(entry),
            attributes: TarItem.attributes(entry))
    }

    private static func kind(_ entry: OpaquePointer) -> Kind {
        if let target = unsafe archive_entry_hardlink(entry) {
            return .hardLink(target: unsafe bytes(target))
        }
        let type = UInt32(unsafe archive_entry_filetype(entry))
        switch type {
        case S_IFREG: return .file
        case S_IFDIR: return .directory
        case S_IFIFO: return .fifo
        case S_IFCHR, S_IFBLK:
            return .device(type: type, number: UInt64(unsafe archive_entry_rdev(entry)))
        case S_IFLNK:
            guard let target = unsafe archive_entry_symlink(entry) else { return .other }
            return .link(target: unsafe bytes(target))
        default: return .other
        }
    }

    private static func attributes(_ entry: OpaquePointer) -> [Attribute] {
        guard unsafe archive_entry_xattr_reset(entry) > 0 else { return [] }
        var found: [Attribute] = []
        var (name, value, size): (UnsafePointer<CChar>?, UnsafeRawPointer?, Int) =
            (nil, nil, 0)
        while unsafe archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK {
            guard let name = unsafe name else { continue }
            let content = unsafe UnsafeRawBufferPointer(start: value, count: size)
            found.append(Attribute(name: unsafe bytes(name), value: unsafe Array(content)))
        }
        // libarchive puts each at the head of its list.
        return found.reversed()
    }
}

// SAFETY: `text` ends in NUL, and is copied.
private func bytes(_ text: UnsafePointer<CChar>) -> [UInt8] {
    unsafe Array(UnsafeRawBufferPointer(start: text, count: strlen(text)))
}
