// From the bytes of a blob to the bytes of its tar: libarchive's filters for gzip and zstd.
//
// The filter is chosen by the first bytes, as all runtimes do, and not by the media type. Exactly
// one filter is used, because libarchive would remove up to 25 layers of compression. Each layer
// multiplies what a small blob can cost.

import CArchive
import Glibc
import Hashing
package import Images
import Kernel

/// Turns a blob into its tar, with the tar's SHA-256.
@safe package final class Inflater {
    private let blob: Blob
    private let archive: ArchiveHandle
    private let limit: Int64
    private var hash = SHA256()
    private var isAtEnd = false
    private let tick: (Int64) -> Void
    /// Bytes of the tar so far.
    package private(set) var count: Int64 = 0
    /// What went wrong with the last `read`, whose caller is C code.
    private(set) var failure: ArchiveFailure?

    /// A tar of more than `limit` bytes is `tooLong`. `tick` is called with the
    /// size of each block.
    package init(
        _ blob: Blob, limit: Int64, _ tick: @escaping (Int64) -> Void = { _ in }
    ) throws(ArchiveFailure) {
        self.blob = blob
        self.limit = limit
        self.tick = tick
        archive = ArchiveHandle()
        // SAFETY: the archive lives as long as `self`, and so does the blob that it reads from.
        let reader = unsafe archive.pointer
        if let filter = Inflater.filter(of: try blob.peek(limit: 4)) {
            try archive.configure(unsafe archive_read_append_filter(reader, filter))
        }
        try archive.configure(unsafe archive_read_support_format_raw(reader))
        // Without libarchive's format of empty files, because a damaged stream looks like one.
        if blob.length == 0 {
            isAtEnd = true
            return
        }
        let source = unsafe Unmanaged.passUnretained(blob).toOpaque()
        let opened = unsafe archive_read_open(
            reader, source, nil,
            { _, source, out in
                guard let source = unsafe source else { return -1 }
                return unsafe Unmanaged<Blob>.fromOpaque(source).takeUnretainedValue().read(out)
            }, nil)
        guard opened == ARCHIVE_OK else { throw failureOfBlob }
        var entry: OpaquePointer?
        guard unsafe archive_read_next_header(reader, &entry) == ARCHIVE_OK else {
            throw failureOfBlob
        }
    }

    /// The SHA-256 of the tar, when all of the blob was read: also what follows the tar's end.
    package func finish() throws(ArchiveFailure) -> Digest {
        while unsafe try next() != nil {}
        return hash.finish()
    }

    /// The next bytes of the tar, which live until the next call; `nil` at the end.
    func next() throws(ArchiveFailure) -> UnsafeRawBufferPointer? {
        while !isAtEnd {
            var (block, size, offset): (UnsafeRawPointer?, Int, la_int64_t) = (nil, 0, 0)
            // SAFETY: libarchive sets all three, and the block lives until the next call.
            let result = unsafe archive_read_data_block(archive.pointer, &block, &size, &offset)
            if result == ARCHIVE_EOF {
                isAtEnd = true
                break
            }
            guard result == ARCHIVE_OK else { throw failureOfBlob }
            guard size > 0 else { continue }
            let bytes = unsafe UnsafeRawBufferPointer(start: block, count: size)
            unsafe hash.update(bytes)
            count += Int64(size)
            guard count <= limit else { throw .tooLong(limit) }
            tick(Int64(size))
            return unsafe bytes
        }
        return nil
    }

    /// For libarchive: the bytes of the next block, 0 at the end, -1 with `failure`.
    func read(_ out: UnsafeMutablePointer<UnsafeRawPointer?>?) -> Int {
        unsafe deliver(to: out, &failure) { () throws(ArchiveFailure) in unsafe try next() }
    }

    private var failureOfBlob: ArchiveFailure {
        blob.failure ?? .damaged("the compressed stream: \(archive.reason)")
    }

    /// gzip (RFC 1952), or a frame or a skippable frame of zstd (RFC 8878); otherwise none.
    private static func filter(of magic: [UInt8]) -> CInt? {
        if magic.starts(with: [0x1f, 0x8b, 0x08]) { return ARCHIVE_FILTER_GZIP }
        if magic == [0x28, 0xb5, 0x2f, 0xfd] { return ARCHIVE_FILTER_ZSTD }
        let isSkippable = magic.dropFirst().elementsEqual([0x2a, 0x4d, 0x18])
        return isSkippable && magic.first.map { $0 & 0xf0 } == 0x50 ? ARCHIVE_FILTER_ZSTD : nil
    }
}
