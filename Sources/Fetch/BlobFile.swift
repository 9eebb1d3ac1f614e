// A blob on its way to the disk. It is `<hex>.part` while it grows, and `<hex>` once its digest was
// seen to fit: the name alone says that the blob may be used, and the rename is the event for
// anyone who watches the directory. Nothing is synced; the unpacker verifies the digest again.

import Bytes
import Glibc
import Hashing
import Images
import Kernel
import Linux

struct BlobFile: ~Copyable {
    private let file: OwnedDescriptor
    private let descriptor: Descriptor
    private var hash = SHA256()
    /// Bytes that were written and hashed.
    private(set) var count: Int64 = 0

    private static let piece = 256 << 10

    /// Opens what an earlier process has left, or a new file. The content is not read yet.
    init(
        _ descriptor: Descriptor, in directory: borrowing OwnedDescriptor
    ) throws(SystemCallFailure) {
        // A whole blob of an earlier process is verified like a part.
        let name = descriptor.digest.hex
        let part = name + ".part"
        do throws(SystemCallFailure) { try directory.rename(file: name, to: part) } catch {
            guard error.errnoName == "ENOENT" else { throw error }
        }
        let opened = try directory.opening(file: part)
        guard try opened.status().kind == .file else {
            throw SystemCallFailure(call: "open", subject: part, errno: EISDIR)
        }
        file = opened
        self.descriptor = descriptor
    }

    /// Whether all bytes are there. Their digest may still be wrong.
    var isComplete: Bool { count == descriptor.size }

    var isRight: Bool { isComplete && hash.digest == descriptor.digest }

    /// Hashes the next bytes of an earlier process. Returns `false` once there are no more. Bytes
    /// beyond the blob's size are wrong, and so may be all of them.
    mutating func readExisting() throws(SystemCallFailure) -> Bool {
        let bytes = try file.read(at: Int(count), limit: BlobFile.piece)
        guard count + Int64(bytes.count) <= descriptor.size else {
            try restart()
            return false
        }
        hash.update(bytes.span)
        count += Int64(bytes.count)
        return !bytes.isEmpty
    }

    /// Writes the next bytes. They must not exceed the size.
    mutating func append(_ bytes: Span<UInt8>) throws(SystemCallFailure) {
        try file.write(span: bytes, at: count)
        hash.update(bytes)
        count += Int64(bytes.count)
    }

    /// Drops everything.
    mutating func restart() throws(SystemCallFailure) {
        try file.truncate(to: 0)
        hash = SHA256()
        count = 0
    }

    /// Gives the blob its name.
    func publish(in directory: borrowing OwnedDescriptor) throws(SystemCallFailure) {
        let name = descriptor.digest.hex
        try directory.rename(file: name + ".part", to: name)
    }

    /// Removes what has the wrong digest.
    func remove(in directory: borrowing OwnedDescriptor) throws(SystemCallFailure) {
        try directory.remove(file: descriptor.digest.hex + ".part")
    }
}
