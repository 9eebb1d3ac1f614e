// Confines a program that parses bytes of strangers, before it sees the first of them. The program
// must have one thread.

import CLinux
import Glibc
package import Kernel

package enum Confinement {
    /// Capabilities of capabilities(7), as bits.
    package struct Capabilities: OptionSet, Sendable {
        package let rawValue: UInt64
        package init(rawValue: UInt64) { self.rawValue = rawValue }

        package static let changeOwner = Capabilities(rawValue: 1 << 0)
        package static let overrideAccess = Capabilities(rawValue: 1 << 1)
        package static let actAsOwner = Capabilities(rawValue: 1 << 3)
        package static let keepSetID = Capabilities(rawValue: 1 << 4)
        package static let changeImmutable = Capabilities(rawValue: 1 << 9)
        package static let makeNodes = Capabilities(rawValue: 1 << 27)
        package static let setFileCapabilities = Capabilities(rawValue: 1 << 31)
    }

    /// A session of its own. A hang-up and a broken pipe do not end the process, and a file that
    /// grows beyond a limit is EFBIG.
    package static func leaveSession() throws(SystemCallFailure) {
        try check(clinux_detach_from_session(), "signal", "SIG_IGN")
    }

    /// Makes `directory` the root of mount, network and IPC namespaces of the process's own, in
    /// which no other mount exists. Returns the root.
    package static func enter(
        _ directory: borrowing OwnedDescriptor
    ) throws(SystemCallFailure) -> OwnedDescriptor {
        try check(fchdir(directory.number), "fchdir", "the new root")
        try check(clinux_enter_alone(), "unshare", "the namespaces of its own")
        return try OwnedDescriptor.directory("/")
    }

    /// Limits the memory that the process can write to, in bytes, and its descriptors.
    package static func limit(
        memory: UInt64, descriptors: UInt64
    ) throws(SystemCallFailure) {
        try check(clinux_limit(memory, descriptors), "setrlimit", "")
    }

    /// Keeps these capabilities alone, for ever, and becomes the user, without other groups;
    /// no process of the user can look into this one. Throws if any of that failed; the caller must
    /// then end. For a process with one thread.
    package static func keep(
        _ capabilities: Capabilities, user: UserIdentity = UserIdentity(uid: 0, gid: 0)
    ) throws(SystemCallFailure) {
        try check(
            clinux_drop_privileges(capabilities.rawValue, user.uid, user.gid), "capset",
            "privileges")
    }

    /// If the process crashes from now on, it writes this text to `output` and ends with 1. The
    /// text has two `%d`: the signal, and a refused system call or -1.
    package static func onCrash(
        write format: StaticString, to output: CInt
    ) throws(SystemCallFailure) {
        // SAFETY: a literal is stored as long as the process lives, and ends in NUL.
        let text = unsafe UnsafeRawPointer(format.utf8Start).assumingMemoryBound(to: CChar.self)
        try check(unsafe clinux_on_crash(output, text), "sigaction", "")
    }

    /// From now on a crash writes nothing.
    package static func forgetCrash() { clinux_forget_crash() }

    /// The path of an open directory from the root, without links (getcwd(2)). Afterwards it is the
    /// current directory.
    package static func path(
        of directory: borrowing OwnedDescriptor
    ) throws(SystemCallFailure) -> [UInt8] {
        try check(fchdir(directory.number), "fchdir", "")
        var path = [CChar](repeating: 0, count: 4096)
        // SAFETY: getcwd(3) writes at most as many bytes as there are.
        let found = unsafe getcwd(&path, path.count) != nil
        try check(found ? 0 : -1, "getcwd", "")
        return path.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
    }
}
