// Numbers that a process shares with the children that it forks.

import CLinux
import Glibc
package import Kernel

/// A page of numbers, all 0 at first (mmap(2), MAP_SHARED). A child of `fork` has the same page,
/// which lives until the last process has ended or unmapped it. Each number is read and written as
/// a whole, by any of them.
@safe package final class SharedNumbers: @unchecked Sendable {
    // SAFETY: `base` points at `count` numbers until the deinit; only clinux.c's atomics use them.
    private let base: UnsafeMutablePointer<UInt64>
    private let count: Int

    package init(count: Int) throws(SystemCallFailure) {
        let size = count * MemoryLayout<UInt64>.stride
        guard let memory = unsafe clinux_share_memory(size) else {
            throw SystemCallFailure(call: "mmap", subject: "", errno: errno)
        }
        unsafe base = memory.bindMemory(to: UInt64.self, capacity: count)
        self.count = count
    }

    deinit { unsafe munmap(base, count * MemoryLayout<UInt64>.stride) }

    package subscript(place: Int) -> UInt64 {
        get {
            precondition(place >= 0 && place < count)
            return unsafe clinux_load(base + place)
        }
        set {
            precondition(place >= 0 && place < count)
            unsafe clinux_store(base + place, newValue)
        }
    }

    package func add(_ more: UInt64, to place: Int) {
        precondition(place >= 0 && place < count)
        unsafe clinux_add(base + place, more)
    }
}
