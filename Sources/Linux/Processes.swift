// Processes: their identity, their state, and their exit.

import Bytes
import CLinux
import Failpoints
import Glibc
package import Kernel

/// A descriptor for one process; it never refers to a later one (pidfd_open(2)).
package struct PidDescriptor: ~Copyable, Sendable {
    package let descriptor: OwnedDescriptor

    /// `nil` if there is no such process.
    package static func opening(_ pid: Int32) -> PidDescriptor? {
        let number = fallible("fd.pidfd", .descriptor) { clinux_pidfd_open(pid) }
        return number < 0 ? nil : PidDescriptor(descriptor: OwnedDescriptor(adopting: number))
    }

    /// Sends a signal; `false` if the process has ended.
    @discardableResult
    package borrowing func send(_ signal: CInt) -> Bool {
        effect("process.signal") { clinux_pidfd_send_signal(descriptor.number, signal) } == 0
    }

    /// Waits for a child's end and reaps it: only for short-lived children at the daemon's start.
    package borrowing func waitAndReap() {
        var exit = clinux_exit()
        // SAFETY: the structure lives for the call.
        _ = unsafe clinux_wait_pidfd(descriptor.number, &exit)
    }

    /// Reaps a child that has ended and returns its exit; `nil` if it is alive, or not our child.
    @discardableResult
    package borrowing func reap() -> ChildExit? {
        var exit = clinux_exit()
        // SAFETY: the structure lives for the call.
        let result = effect("process.reap") {
            unsafe clinux_reap_pidfd(descriptor.number, &exit)
        }
        return result == 0 && exit.pid != 0 ? ChildExit(exit) : nil
    }
}

/// How a child ended.
package struct ChildExit: Equatable, Sendable {
    package let pid: Int32
    /// The exit code; `nil` if a signal ended it.
    package let code: Int32?
    package let signal: Int32?

    init(_ exit: clinux_exit) {
        pid = exit.pid
        let hasCode = exit.code == CInt(CLINUX_CLD_EXITED)
        code = hasCode ? exit.status : nil
        signal = hasCode ? nil : exit.status
    }

    /// `waitStatus`: as wait(2) has it, of a process of which only that is known.
    init(waitStatus: Int32) {
        pid = 0
        let signal = waitStatus & 0x7f
        code = signal == 0 ? waitStatus >> 8 & 0xff : nil
        self.signal = signal == 0 ? nil : signal
    }
}

package enum Children {
    /// Sends a signal to a child that is not reaped yet, so that its pid cannot be reused.
    package static func signal(_ pid: Int32, _ signal: CInt) {
        _ = effect("process.signal") { kill(pid, signal) }
    }

    /// The same for a child's process group, whose id is the child's pid.
    package static func signalGroup(_ pid: Int32, _ signal: CInt) {
        _ = effect("process.signal") { kill(-pid, signal) }
    }

    /// A child that has ended and is not reaped yet; `nil` if there is none. Repeated calls may
    /// return the same child until it is reaped (waitid(2), WNOWAIT).
    package static func peekExit() -> ChildExit? {
        var exit = clinux_exit()
        // SAFETY: the structure lives for the call.
        guard unsafe clinux_peek_any_exit(&exit) == 0, exit.pid != 0 else { return nil }
        return ChildExit(exit)
    }

    /// Whether it is an unreaped child of the caller's, adopted or not.
    package static func has(_ pid: Int32) -> Bool {
        guard pid > 0 else { return false }
        var exit = clinux_exit()
        // SAFETY: the structure lives for the call.
        return unsafe clinux_peek_exit(pid, &exit) == 0
    }

    /// The result of reaping a child.
    package enum Taken: Equatable, Sendable {
        /// The child is reaped; its pid may be reused.
        case exit(ChildExit)
        case lives
        /// Not our child, or reaped before.
        case stranger
    }

    package static func take(_ pid: Int32) -> Taken {
        var exit = clinux_exit()
        // SAFETY: the structure lives for the call.
        let result = effect("process.reap") { unsafe clinux_reap(pid, &exit) }
        guard result == 0 else { return .stranger }
        return exit.pid == 0 ? .lives : .exit(ChildExit(exit))
    }

    /// Reaps a child that has ended; its pid may be reused after that.
    package static func reap(_ pid: Int32) {
        var exit = clinux_exit()
        // SAFETY: the structure lives for the call.
        _ = effect("process.reap") { unsafe clinux_reap(pid, &exit) }
    }

    /// The same for a task's first process, whose exit has been stored. It has its own failpoint,
    /// because law 8 is about this child and no other.
    package static func reapStored(_ pid: Int32) {
        var exit = clinux_exit()
        // SAFETY: the structure lives for the call.
        _ = effect("process.reapStored") { unsafe clinux_reap(pid, &exit) }
    }
}

/// The seccomp filters of a process (proc(5), /proc/<pid>/status).
package struct SeccompState: Equatable, Sendable {
    /// Whether system calls are filtered: mode 2; 3 if a filter has ended the process.
    package let isFiltering: Bool
    /// The number of filters, its own and the inherited ones; 0 before Linux 5.9.
    package let filters: Int

    /// Parses the file's content; `nil` if the kernel has no seccomp. The program's name in the
    /// first line contains no newline, because the kernel escapes it.
    package init?(status: String) {
        func field(_ name: String) -> String? {
            status.fields("\n").lazy.compactMap { $0.after(name + ":\t") }.first
        }
        guard let mode = field("Seccomp") else { return nil }
        isFiltering = ["2", "3"].contains(mode)
        filters = field("Seccomp_filters").flatMap { Int($0) } ?? 0
    }

    /// Whether it has a filter that a process with `inherited` does not have.
    package func hasMore(than inherited: SeccompState?) -> Bool {
        guard let inherited, inherited.isFiltering else { return isFiltering }
        return isFiltering && filters > inherited.filters
    }
}

/// A process's files in /proc. None of these calls waits for a disk.
package enum ProcFS {
    /// Its start time in clock ticks since boot; `nil` if there is no such process.
    package static func startTicks(of pid: Int32) -> UInt64? {
        field(21, of: pid).flatMap { UInt64($0) }
    }

    /// The identity of a process that exists. Throws if it cannot be read.
    package static func identity(of pid: Int32) throws(SystemCallFailure) -> ProcessIdentity {
        let path = "/proc/\(pid)/stat"
        guard let ticks = field(21, in: try Files.read(path)).flatMap({ UInt64($0) }) else {
            throw SystemCallFailure(call: "read", subject: path, errno: EIO)
        }
        return ProcessIdentity(pid: pid, startTicks: ticks)
    }

    /// Whether it has executed a program since its fork. A container's first process has not while
    /// it is still the runtime's init: crun forks it, and runc forks it after its init's exec. Read
    /// from PF_FORKNOEXEC of field 9, which zombies keep; `nil` if there is no such process.
    package static func hasExecuted(_ pid: Int32) -> Bool? {
        flags(of: pid).map { $0 & 0x40 == 0 }
    }

    /// Its system call filter. Zombies keep the answer; `nil` if there is no such process, or if
    /// that cannot be read.
    package static func seccomp(of pid: Int32) -> SeccompState? {
        text("/proc/\(pid)/status").flatMap { SeccompState(status: $0) }
    }

    /// Whether it is in the caller's PID namespace; `false` if there is no such process.
    package static func sharesPIDNamespace(_ pid: Int32) -> Bool {
        guard let namespace = Files.linkTarget("/proc/\(pid)/ns/pid") else { return false }
        return namespace == Files.linkTarget("/proc/self/ns/pid")
    }

    /// Whether both are in the same mount namespace; `false` if that cannot be seen.
    package static func shareMountNamespace(_ one: Int32, _ other: Int32) -> Bool {
        guard let namespace = Files.linkTarget("/proc/\(one)/ns/mnt") else { return false }
        return namespace == Files.linkTarget("/proc/\(other)/ns/mnt")
    }

    /// Whether it is exiting (PF_EXITING): v1's hierarchies then show it in their root.
    package static func isExiting(_ pid: Int32) -> Bool {
        flags(of: pid).map { $0 & 0x4 != 0 } ?? true
    }

    private static func flags(of pid: Int32) -> UInt64? {
        field(8, of: pid).flatMap { UInt64($0) }
    }

    /// `R`, `S`, `D`, `Z` …; `nil` if there is no such process, or if that cannot be read.
    package static func state(of pid: Int32) -> String? { field(2, of: pid) }

    /// Whether there is no such process, or only its exit is left. Throws if that cannot be seen.
    package static func hasEnded(_ pid: Int32) throws(SystemCallFailure) -> Bool {
        let line: [UInt8]
        do { line = try Files.read("/proc/\(pid)/stat") } catch {
            if [ENOENT, ESRCH].contains(error.errno) { return true }
            throw error
        }
        let state = field(2, in: line)
        return state == "Z" || state == "X"
    }

    /// The kernel function in which it waits; `nil` if that is unreadable, or it does not wait.
    package static func waitChannel(of pid: Int32) -> String? {
        guard let name = text("/proc/\(pid)/wchan"), name != "0", !name.isEmpty else { return nil }
        return name
    }

    /// Its kernel stack, innermost function first (proc(5), /proc/<pid>/stack); empty if that is
    /// unreadable.
    package static func kernelStack(of pid: Int32, frames: Int) -> [String] {
        let lines = text("/proc/\(pid)/stack")?.fields("\n") ?? []
        return lines.prefix(frames).compactMap { line in
            // "[<0>] ovl_sync_fs+0x41/0x60"
            line.fields(" ").last?.upTo("+")
        }
    }

    /// The program's name, at most 15 bytes.
    package static func command(of pid: Int32) -> String? {
        bytes("/proc/\(pid)/comm").map { String(decoding: $0.dropLast(), as: UTF8.self) }
    }

    package static func commandLine(of pid: Int32) -> [String]? {
        text("/proc/\(pid)/cmdline")?.fields("\0")
    }

    /// Its parent's pid; `nil` if there is no such process.
    package static func parent(of pid: Int32) -> Int32? { field(3, of: pid).flatMap { Int32($0) } }

    /// Its cgroup's path in each hierarchy.
    package static func cgroups(of pid: Int32) -> [String]? {
        bytes("/proc/\(pid)/cgroup").map { cgroups($0, below: []) }
    }

    /// The rest of its cgroup's path after `parent`, which ends with a slash, in each hierarchy in
    /// which the cgroup is below `parent`.
    package static func cgroups(of pid: Int32, below parent: [UInt8]) -> [String]? {
        bytes("/proc/\(pid)/cgroup").map { cgroups($0, below: parent) }
    }

    /// The same from the content of the file `cgroup` (cgroups(7)).
    package static func cgroups(_ content: [UInt8], below parent: [UInt8]) -> [String] {
        var paths: [String] = []
        var rest = content[...]
        while !rest.isEmpty {
            let end = rest.index(ofFirst: UInt8(ascii: "\n")) ?? rest.endIndex
            // `hierarchy:controllers:path`
            var path = rest[..<end]
            for _ in 0..<2 {
                let colon = path.index(ofFirst: UInt8(ascii: ":")) ?? path.endIndex - 1
                path = path[(colon + 1)...]
            }
            if path.count > parent.count, path.starts(with: parent) {
                paths.append(
                    String(decoding: path[(path.startIndex + parent.count)...], as: UTF8.self))
            }
            rest = rest[end...].dropFirst()
        }
        return paths
    }

    /// Field `index + 1` of /proc/<pid>/stat; the second, in parentheses, may contain anything.
    private static func field(_ index: Int, of pid: Int32) -> String? {
        bytes("/proc/\(pid)/stat").flatMap { field(index, in: $0) }
    }

    private static func field(_ index: Int, in line: [UInt8]) -> String? {
        // Searched by bytes: as characters, the name's end could combine with the parenthesis.
        guard let end = line.lastIndex(of: UInt8(ascii: ")")) else { return nil }
        let fields = line[(end + 1)...].split(separator: UInt8(ascii: " "))
        return index - 2 < fields.count ? String(decoding: fields[index - 2], as: UTF8.self) : nil
    }

    private static func text(_ path: String) -> String? {
        bytes(path).map { String(decoding: $0, as: UTF8.self) }
    }

    private static func bytes(_ path: String) -> [UInt8]? {
        do { return try Files.read(path) } catch { return nil }
    }
}
