// A blob: a file, or a part of one, such as a member of a tar of images.

import Failpoints
import Glibc
import Hashing
package import Images
import Kernel
package import Linux

/// A blob that is read from its beginning to its end, with its SHA-256. It has its own place in the
/// file, so other users of the open file do not move it.
@safe package final class Blob {
    private let file: OwnedDescriptor
    private let start: Int64
    /// In bytes.
    package let length: Int64
    /// Bytes that were read since the beginning, or since `rewind`.
    package private(set) var count: Int64 = 0
    private var hash = SHA256()
    // SAFETY: allocated here, and freed when nothing reads any more.
    private let buffer: UnsafeMutableRawBufferPointer
    /// What went wrong with the last `read`, whose caller is C code.
    private(set) var failure: ArchiveFailure?

    /// Bytes of one read. More costs memory and no longer saves time.
    private static let bufferSize = 256 << 10

    package init(_ file: consuming OwnedDescriptor, start: Int64, length: Int64) {
        self.file = file
        self.start = start
        self.length = length
        unsafe buffer = .allocate(byteCount: Blob.bufferSize, alignment: 4096)
    }

    deinit { unsafe buffer.deallocate() }

    /// Reads the whole blob and returns its SHA-256; begins anew. `tick` is called now and then.
    package func digest(_ tick: () -> Void) throws(ArchiveFailure) -> Digest {
        while unsafe try next() != nil { tick() }
        count = 0
        return hash.finish()
    }

    /// The SHA-256 of everything that was read since the beginning, which must be all of it.
    package func finish() throws(ArchiveFailure) -> Digest {
        while unsafe try next() != nil {}
        return hash.finish()
    }

    /// The bytes at `place` of the blob, at most `limit`, without moving on.
    func peek(at place: Int64 = 0, limit: Int) throws(ArchiveFailure) -> [UInt8] {
        let limit = min(Int64(limit), length - place)
        guard limit > 0 else { return [] }
        do throws(SystemCallFailure) {
            return try file.read(at: Int(start + place), limit: Int(limit))
        } catch { throw .call(error) }
    }

    /// The next bytes, which live until the next call; `nil` at the end.
    func next() throws(ArchiveFailure) -> UnsafeRawBufferPointer? {
        let wanted = unsafe min(Int64(buffer.count), length - count)
        guard wanted > 0 else { return nil }
        let (number, place) = (file.number, off_t(start + count))
        // SAFETY: the buffer has at least the wanted bytes.
        var result = -1
        repeat {
            result = fallible("fd.read", [.inputOutput, .interrupted]) {
                unsafe pread(number, buffer.baseAddress, Int(wanted), place)
            }
        } while result < 0 && errno == EINTR
        do throws(SystemCallFailure) { try check(result, "pread", "the blob") } catch {
            throw .call(error)
        }
        guard result > 0 else { throw .damaged("the blob's file ends early") }
        let read = unsafe UnsafeRawBufferPointer(rebasing: buffer[..<result])
        unsafe hash.update(read)
        count += Int64(result)
        return unsafe read
    }

    /// For libarchive: the bytes of the next read, 0 at the end, -1 with `failure`.
    func read(_ out: UnsafeMutablePointer<UnsafeRawPointer?>?) -> Int {
        unsafe deliver(to: out, &failure) { () throws(ArchiveFailure) in unsafe try next() }
    }
}
