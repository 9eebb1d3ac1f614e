// One reader of libarchive's.

import Bytes
import CArchive
import Glibc

/// Owns a `struct archive`.
@safe struct ArchiveHandle: ~Copyable {
    // SAFETY: made and freed here; every call gets it from this structure.
    @unsafe let pointer: OpaquePointer

    init() {
        // archive_read_new(3) fails only without memory.
        guard let made = unsafe archive_read_new() else { fatalError("out of memory") }
        unsafe pointer = made
    }

    deinit { unsafe archive_read_free(pointer) }

    /// libarchive's reason for the last failure or warning. There may be none, for example after a
    /// callback failed.
    var reason: String {
        // SAFETY: the text lives until the next call with the archive, and is copied.
        unsafe archive_error_string(pointer).map { unsafe String(cString: $0) } ?? "it ends early"
    }

    /// Whether the last warning says that a name is not in the locale's character set. libarchive
    /// then has the name as the tar has it.
    var warnsOfCharset: Bool {
        Array(reason.utf8)[...].rest(after: Array("can't be converted from".utf8)) != nil
    }

    /// For a call that must not fail before anything was read.
    func configure(_ result: CInt) throws(ArchiveFailure) {
        guard result == ARCHIVE_OK else { throw .damaged("libarchive: \(reason)") }
    }
}

/// For a callback by which libarchive reads: gives it the next bytes. Returns their number, 0 at
/// the end, or -1 with the reason in `failure`.
// SAFETY: libarchive's `out` lives for the call, and the bytes until the next call.
func deliver(
    to out: UnsafeMutablePointer<UnsafeRawPointer?>?, _ failure: inout ArchiveFailure?,
    _ next: () throws(ArchiveFailure) -> UnsafeRawBufferPointer?
) -> Int {
    do {
        guard let bytes = unsafe try next() else { return 0 }
        unsafe out?.pointee = bytes.baseAddress
        return bytes.count
    } catch {
        failure = error
        return -1
    }
}
