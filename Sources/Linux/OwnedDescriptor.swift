// Descriptors, each with one owner.

import CLinux
import Failpoints
import Glibc
package import Kernel

/// An open descriptor; closed at the end of the value's lifetime.
package struct OwnedDescriptor: ~Copyable, Sendable {
    package let number: CInt

    package init(adopting number: CInt) {
        precondition(number >= 0, "adopted a descriptor that is not open")
        self.number = number
    }

    deinit { _ = close(number) }  // nothing useful can be done about a failed close

    /// Returns the number; the caller owns it from now on.
    package consuming func release() -> CInt {
        let number = self.number
        discard self
        return number
    }

    package static func opening(
        _ path: String, _ flags: CInt, mode: UInt32 = 0
    ) throws(SystemCallFailure) -> OwnedDescriptor {
        // SAFETY: the bridged C string lives for the call.
        let number = try checkRetrying("open", path) {
            if flags & O_CREAT != 0 {
                return effect("fs.create", [.storage, .descriptor, .interrupted]) {
                    unsafe clinux_open(path, flags | O_CLOEXEC, mode)
                }
            }
            return fallible("fd.open", [.descriptor, .interrupted]) {
                unsafe clinux_open(path, flags | O_CLOEXEC, mode)
            }
        }
        return OwnedDescriptor(adopting: number)
    }

    /// Opens a path with O_PATH, following a link; it cannot be read.
    package static func path(_ path: String) throws(SystemCallFailure) -> OwnedDescriptor {
        try opening(path, clinux_o_path)
    }

    /// Makes a file in memory with this content, to be read from its beginning (memfd_create(2)).
    package static func memory(_ content: [UInt8]) throws(SystemCallFailure) -> OwnedDescriptor {
        let file = OwnedDescriptor(
            adopting: try check(
                fallible("fd.memory", .descriptor) { clinux_memfd() }, "memfd_create", ""))
        try file.writeAll(content)
        try check(lseek(file.number, 0, SEEK_SET), "lseek", "")
        return file
    }

    /// Opens a directory with O_PATH, as the base of other names; it cannot be read.
    package static func directory(_ path: String) throws(SystemCallFailure) -> OwnedDescriptor {
        try opening(path, O_DIRECTORY | clinux_o_path)
    }
}

/// A pipe's two ends, both close-on-exec and blocking.
package struct Pipe: ~Copyable {
    package let reading: OwnedDescriptor
    package let writing: OwnedDescriptor

    package init() throws(SystemCallFailure) {
        var ends: (CInt, CInt) = (-1, -1)
        // SAFETY: the tuple is two adjacent ints, as pipe2(2) wants them.
        let result = unsafe withUnsafeMutablePointer(to: &ends) {
            unsafe $0.withMemoryRebound(to: CInt.self, capacity: 2) { ends in
                fallible("fd.pipe", .descriptor) { unsafe clinux_pipe(ends) }
            }
        }
        try check(result, "pipe2", "")
        reading = OwnedDescriptor(adopting: ends.0)
        writing = OwnedDescriptor(adopting: ends.1)
    }

    /// Returns both numbers; the caller owns them from now on.
    package consuming func release() -> (reading: CInt, writing: CInt) {
        (reading.release(), writing.release())
    }

    /// Returns the read end; the other one is closed.
    package consuming func intoReading() -> OwnedDescriptor { reading }

    /// Returns the write end; the other one is closed.
    package consuming func intoWriting() -> OwnedDescriptor { writing }
}

extension OwnedDescriptor {
    /// Returns the available bytes, at most `limit`; empty at the end. `nil` if a nonblocking
    /// descriptor has none now.
    package borrowing func read(
        limit: Int
    ) throws(SystemCallFailure) -> [UInt8]? {
        // SAFETY: the buffer has room for `limit` bytes.
        try unsafe bytes(limit, "read") { number, buffer in unsafe Glibc.read(number, buffer, limit)
        }
    }

    /// Reads at most `limit` bytes of a file from this place on; empty at its end (pread(2)).
    package borrowing func read(
        at place: Int, limit: Int
    ) throws(SystemCallFailure) -> [UInt8] {
        // SAFETY: the buffer has room for `limit` bytes.
        try unsafe bytes(limit, "pread") { number, buffer in
            unsafe pread(number, buffer, limit, off_t(place))
        } ?? []
    }

    private borrowing func bytes(
        _ limit: Int, _ name: String, _ call: (CInt, UnsafeMutablePointer<UInt8>?) -> Int
    ) throws(SystemCallFailure) -> [UInt8]? {
        let number = self.number
        var failure: CInt = 0
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
            // SAFETY: only what was read is counted.
            var result = -1
            repeat {
                result = fallible("fd.read", [.inputOutput, .interrupted]) {
                    unsafe call(number, buffer.baseAddress)
                }
            } while result < 0 && errno == EINTR
            failure = result < 0 ? errno : 0
            count = max(0, result)
        }
        if failure == 0 { return bytes }
        if failure == EAGAIN { return nil }
        throw SystemCallFailure(call: name, subject: "descriptor \(number)", errno: failure)
    }

    /// Reads at most `limit` bytes into `buffer`, from the place `start` on, as far as it has room.
    /// Returns their number; 0 at the end, `nil` if a nonblocking descriptor has none now.
    package borrowing func read(
        into buffer: inout [UInt8], from start: Int = 0, limit: Int
    ) throws(SystemCallFailure) -> Int? {
        let number = self.number
        precondition(start >= 0 && start <= buffer.count)
        // SAFETY: the buffer has at least `limit` bytes after `start`.
        let result = unsafe buffer.withUnsafeMutableBytes { buffer in
            let place = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[start...])
            let limit = min(limit, place.count)
            var result = -1
            repeat {
                result = fallible("fd.read", [.inputOutput, .interrupted]) {
                    unsafe Glibc.read(number, place.baseAddress, limit)
                }
            } while result < 0 && errno == EINTR
            return result
        }
        if result >= 0 { return result }
        if errno == EAGAIN { return nil }
        throw SystemCallFailure(call: "read", subject: "descriptor \(number)", errno: errno)
    }

    /// Reads to the file's end, at most `limit` bytes.
    package borrowing func readAll(limit: Int) throws(SystemCallFailure) -> [UInt8] {
        var all: [UInt8] = []
        while all.count < limit, let more = try read(limit: min(16384, limit - all.count)),
            !more.isEmpty
        {
            all += more
        }
        return all
    }

    /// Writes all of the bytes. The descriptor must be blocking.
    package borrowing func writeAll(_ bytes: [UInt8]) throws(SystemCallFailure) {
        var rest = bytes[...]
        while !rest.isEmpty { rest = rest.dropFirst(try write(rest)) }
    }

    /// Returns how many of `bytes` were written; 0 if a nonblocking descriptor takes none now.
    package borrowing func write(
        _ bytes: ArraySlice<UInt8>
    ) throws(SystemCallFailure) -> Int {
        let number = self.number
        // SAFETY: the slice's storage lives for the call.
        let result = unsafe bytes.withUnsafeBytes { buffer in
            var result = -1
            repeat {
                result = effect("fd.write", [.noSpace, .inputOutput, .interrupted]) {
                    unsafe Glibc.write(number, buffer.baseAddress, buffer.count)
                }
            } while result < 0 && errno == EINTR
            return result
        }
        if result < 0 && errno == EAGAIN { return 0 }
        return try check(result, "write", "descriptor \(number)")
    }

    /// Writes all of the bytes at a place of a file.
    package borrowing func write(_ bytes: [UInt8], at place: Int64) throws(SystemCallFailure) {
        let number = self.number
        // SAFETY: the array's storage lives for the call.
        let result = unsafe bytes.withUnsafeBytes { buffer in
            var result = -1
            repeat {
                result = effect("fd.pwrite", [.noSpace, .inputOutput, .interrupted]) {
                    unsafe pwrite(number, buffer.baseAddress, buffer.count, off_t(place))
                }
            } while result < 0 && errno == EINTR
            return result
        }
        guard try check(result, "pwrite", "descriptor \(number)") < bytes.count else { return }
        throw SystemCallFailure(call: "pwrite", subject: "descriptor \(number)", errno: ENOSPC)
    }

    /// Frees the space of the first `bytes` bytes of a file, which are then zeros.
    package borrowing func free(first bytes: Int64) throws(SystemCallFailure) {
        try check(
            effect("fd.free", .storage) { clinux_punch_hole(number, Int(bytes)) }, "fallocate",
            "descriptor \(number)")
    }

    /// Another descriptor of the same open file (fcntl(2), F_DUPFD_CLOEXEC).
    package static func duplicating(_ number: CInt) throws(SystemCallFailure) -> OwnedDescriptor {
        let made = fallible("fd.duplicate", .descriptor) { clinux_duplicate(number) }
        return OwnedDescriptor(
            adopting: try check(made, "fcntl", "F_DUPFD_CLOEXEC of \(number)"))
    }

    package borrowing func setNonblocking() throws(SystemCallFailure) {
        try check(clinux_set_nonblocking(number), "fcntl", "O_NONBLOCK")
    }
}
