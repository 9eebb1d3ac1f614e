// Processes: who they are, how they do, and how they end.

import Bytes
import CLinux
import Failpoints
import Glibc

/// A descriptor that stands for one process and no later one (pidfd_open(2)).
package struct PidDescriptor: ~Copyable, Sendable {
    package let descriptor: OwnedDescriptor

    /// `nil` where there is no such process.
    package static func opening(_ pid: Int32) -> PidDescriptor? {
        let number = fallible("fd.pidfd", .descriptor) { clinux_pidfd_open(pid) }
        return number < 0 ? nil : PidDescriptor(descriptor: OwnedDescriptor(adopting: number))
    }

    /// `false` where it has ended.
    @discardableResult
    package borrowing func send(_ signal: CInt) -> Bool {
        effect("process.signal") { clinux_pidfd_send_signal(descriptor.number, signal) } == 0
    }

    /// Waits for a child's end and takes its exit: for short-lived ones at the daemon's start.
    package borrowing func waitAndReap() {
        var exit = clinux_exit()
        // SAFETY: the structure lives for the call.
        _ = unsafe clinux_wait_pidfd(descriptor.number, &exit)
    }

    /// Takes the exit of a child that has ended; does nothing for one that lives, or is another's.
    /// `nil` in both cases.
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
    /// The exit code; `nil` where a signal ended it.
    package let code: Int32?
    package let signal: Int32?

    init(_ exit: clinux_exit) {
        pid = exit.pid
        let hasCode = exit.code == CInt(CLINUX_CLD_EXITED)
        code = hasCode ? exit.status : nil
        signal = hasCode ? nil : exit.status
    }
}

package enum Children {
    /// Sends a signal to a child that has not been reaped, so that its number is still its own.
    package static func signal(_ pid: Int32, _ signal: CInt) {
        _ = effect("process.signal") { kill(pid, signal) }
    }

    /// The same for all of a child's process group, which bears the child's number.
    package static func signalGroup(_ pid: Int32, _ signal: CInt) {
        _ = effect("process.signal") { kill(-pid, signal) }
    }

    /// A child that has ended and is still to be reaped; `nil` where there is none. Asked again, it
    /// may name the same one until it is reaped (waitid(2), WNOWAIT).
    package static func peekExit() -> ChildExit? {
        var exit = clinux_exit()
        // SAFETY: the structure lives for the call.
        guard unsafe clinux_peek_any_exit(&exit) == 0, exit.pid != 0 else { return nil }
        return ChildExit(exit)
    }

    /// Whether it is a child of the caller's, adopted or not, that has not been reaped.
    package static func has(_ pid: Int32) -> Bool {
        guard pid > 0 else { return false }
        var exit = clinux_exit()
        // SAFETY: the structure lives for the call.
        return unsafe clinux_peek_exit(pid, &exit) == 0
    }

    /// What is to be had of a child's exit now.
    package enum Taken: Equatable, Sendable {
        /// Taken; its number is free from here on.
        case exit(ChildExit)
        case lives
        /// No child of ours, or one whose exit was taken before.
        case stranger
    }

    package static func take(_ pid: Int32) -> Taken {
        var exit = clinux_exit()
        // SAFETY: the structure lives for the call.
        let result = effect("process.reap") { unsafe clinux_reap(pid, &exit) }
        guard result == 0 else { return .stranger }
        return exit.pid == 0 ? .lives : .exit(ChildExit(exit))
    }

    /// Takes the exit of a child that has ended; its number is free from here on.
    package static func reap(_ pid: Int32) {
        var exit = clinux_exit()
        // SAFETY: the structure lives for the call.
        _ = effect("process.reap") { unsafe clinux_reap(pid, &exit) }
    }

    /// The same for a task's first process, whose exit has been stored: a point of its own, since
    /// law 8 is about it and about no other child.
    package static func reapStored(_ pid: Int32) {
        var exit = clinux_exit()
        // SAFETY: the structure lives for the call.
        _ = effect("process.reapStored") { unsafe clinux_reap(pid, &exit) }
    }
}

/// What /proc says of a process. None of these waits for a disk.
package enum ProcFS {
    /// Clock ticks since boot when it started; `nil` where there is no such process.
    package static func startTicks(of pid: Int32) -> UInt64? {
        field(21, of: pid).flatMap { UInt64($0) }
    }

    /// Whether it has executed a program since it was forked: a container's first process has not
    /// for as long as it is the runtime's (PF_FORKNOEXEC of field 9; crun forks it, and runc does
    /// so after its init's own exec). A zombie tells it too; `nil` if there is no such process.
    package static func hasExecuted(_ pid: Int32) -> Bool? {
        flags(of: pid).map { $0 & 0x40 == 0 }
    }

    /// Whether it is in the caller's PID namespace; `false` if there is no such process.
    package static func sharesPIDNamespace(_ pid: Int32) -> Bool {
        guard let namespace = Files.linkTarget("/proc/\(pid)/ns/pid") else { return false }
        return namespace == Files.linkTarget("/proc/self/ns/pid")
    }

    /// Whether it is on its way out (PF_EXITING): v1's hierarchies then show it in their root.
    package static func isExiting(_ pid: Int32) -> Bool {
        flags(of: pid).map { $0 & 0x4 != 0 } ?? true
    }

    private static func flags(of pid: Int32) -> UInt64? {
        field(8, of: pid).flatMap { UInt64($0) }
    }

    /// `R`, `S`, `D`, `Z` …; `nil` where there is no such process.
    package static func state(of pid: Int32) -> String? { field(2, of: pid) }

    /// The kernel function that it waits in; `nil` where that may not be read, or it does not wait.
    package static func waitChannel(of pid: Int32) -> String? {
        guard let name = text("/proc/\(pid)/wchan"), name != "0", !name.isEmpty else { return nil }
        return name
    }

    /// The kernel functions that it stands in, the innermost first (proc(5), /proc/<pid>/stack);
    /// none where that may not be read.
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

    /// Its cgroup's path in each hierarchy.
    package static func cgroups(of pid: Int32) -> [String]? {
        bytes("/proc/\(pid)/cgroup").map { cgroups($0, below: []) }
    }

    /// What follows `parent`, a path that ends with a slash, in each hierarchy in which its cgroup
    /// is below that one.
    package static func cgroups(of pid: Int32, below parent: [UInt8]) -> [String]? {
        bytes("/proc/\(pid)/cgroup").map { cgroups($0, below: parent) }
    }

    /// The same from the content of its file `cgroup` (cgroups(7)).
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

    /// Field `index + 1` of /proc/<pid>/stat; the second, in parentheses, may hold anything.
    private static func field(_ index: Int, of pid: Int32) -> String? {
        // By bytes: taken as characters, a name's last could swallow the parenthesis after it.
        guard let line = bytes("/proc/\(pid)/stat"),
            let end = line.lastIndex(of: UInt8(ascii: ")"))
        else { return nil }
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
