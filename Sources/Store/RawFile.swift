// A damaged file as bytes: read by position, never written.

import Glibc

final class RawFile {
    private let descriptor: CInt
    /// Bytes.
    let size: Int

    /// `nil` if there is none, or it is unreadable.
    init?(_ path: String) {
        descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        var status = stat()
        // SAFETY: `status` is written before the call returns, and not kept.
        size = unsafe fstat(descriptor, &status) == 0 ? Int(status.st_size) : 0
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// `nil` if the bytes are not all there, or the file system cannot read them.
    func bytes(at offset: Int, count: Int) -> [UInt8]? {
        guard offset >= 0, count > 0, offset + count <= size else { return nil }
        var isWhole = false
        // SAFETY: the buffer has room for `count` bytes, and only what was read is called filled.
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            let read = unsafe pread(descriptor, buffer.baseAddress, count, off_t(offset))
            filled = max(0, read)
            isWhole = read == count
        }
        return isWhole ? bytes : nil
    }
}

/// SQLite's files are big-endian.
extension [UInt8] {
    func big16(_ offset: Int) -> Int { Int(self[offset]) << 8 | Int(self[offset + 1]) }

    func big32(_ offset: Int) -> Int { big16(offset) << 16 | big16(offset + 2) }
}
