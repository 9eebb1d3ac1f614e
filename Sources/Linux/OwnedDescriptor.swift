// Descriptors, each with one owner.

import CLinux
import Failpoints
import Glibc

/// An open descriptor; closed when it goes.
package struct OwnedDescriptor: ~Copyable, Sendable {
    package let number: CInt

    package init(adopting number: CInt) {
        precondition(number >= 0, "adopted a descriptor that is not open")
        self.number = number
    }

    deinit { _ = close(number) }  // nothing useful can be done about a failed close

    /// The number, which the caller owns from here on.
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

    /// What `path` leads to, a link followed; nothing can be read from it.
    package static func path(_ path: String) throws(SystemCallFailure) -> OwnedDescriptor {
        try opening(path, clinux_o_path)
    }

    /// A directory to name others relative to; nothing can be read from it.
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

    /// Both numbers, which the caller owns from here on.
    package consuming func release() -> (reading: CInt, writing: CInt) {
        (reading.release(), writing.release())
    }

    /// The end to read from; the other one is closed.
    package consuming func intoReading() -> OwnedDescriptor { reading }

    /// The end to write to; the other one is closed.
    package consuming func intoWriting() -> OwnedDescriptor { writing }
}

extension OwnedDescriptor {
    /// Whatever is there, at most `limit` bytes; empty at the end. `nil` where a nonblocking
    /// descriptor has nothing now.
    package borrowing func read(
        limit: Int
    ) throws(SystemCallFailure) -> [UInt8]? {
        let number = self.number
        var failure: CInt = 0
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
            // SAFETY: the buffer has room for `limit` bytes; only what was read is counted.
            var result = -1
            repeat {
                result = fallible("fd.read", [.inputOutput, .interrupted]) {
                    unsafe Glibc.read(number, buffer.baseAddress, limit)
                }
            } while result < 0 && errno == EINTR
            failure = result < 0 ? errno : 0
            count = max(0, result)
        }
        if failure == 0 { return bytes }
        if failure == EAGAIN { return nil }
        throw SystemCallFailure(call: "read", subject: "descriptor \(number)", errno: failure)
    }

    /// Reads at most `limit` bytes into the begin of `buffer`, which has room for them; how many
    /// came, 0 at the end, `nil` if a nonblocking descriptor has none now.
    package borrowing func read(
        into buffer: inout [UInt8], limit: Int
    ) throws(SystemCallFailure) -> Int? {
        let number = self.number
        // SAFETY: the buffer is not shorter than what is asked for.
        let result = unsafe buffer.withUnsafeMutableBytes { buffer in
            let limit = min(limit, buffer.count)
            var result = -1
            repeat {
                result = fallible("fd.read", [.inputOutput, .interrupted]) {
                    unsafe Glibc.read(number, buffer.baseAddress, limit)
                }
            } while result < 0 && errno == EINTR
            return result
        }
        if result >= 0 { return result }
        if errno == EAGAIN { return nil }
        throw SystemCallFailure(call: "read", subject: "descriptor \(number)", errno: errno)
    }

    /// Up to the file's end, and at most `limit` bytes.
    package borrowing func readAll(limit: Int) throws(SystemCallFailure) -> [UInt8] {
        var all: [UInt8] = []
        while all.count < limit, let more = try read(limit: min(16384, limit - all.count)),
            !more.isEmpty
        {
            all += more
        }
        return all
    }

    /// Writes all of the bytes. The descriptor has to be a blocking one.
    package borrowing func writeAll(_ bytes: [UInt8]) throws(SystemCallFailure) {
        var rest = bytes[...]
        while !rest.isEmpty { rest = rest.dropFirst(try write(rest)) }
    }

    /// How many of `bytes` were taken; 0 where a nonblocking descriptor takes none now.
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

    package borrowing func setNonblocking() throws(SystemCallFailure) {
        try check(clinux_set_nonblocking(number), "fcntl", "O_NONBLOCK")
    }
}
