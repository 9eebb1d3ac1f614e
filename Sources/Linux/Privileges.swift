// For programs that read what only root may read, and then must not be root any more.

import CLinux
import Glibc

/// A user and a group by their numbers.
package struct UserIdentity: Equatable, Sendable {
    package let uid: UInt32
    package let gid: UInt32

    package init(uid: UInt32, gid: UInt32) {
        self.uid = uid
        self.gid = gid
    }
}

extension OwnProcess {
    /// Starts a session of its own, so that no terminal and no parent's process group reaches the
    /// process (setsid(2)). A leader of a process group stays where it is.
    package static func startSession() { _ = setsid() }

    /// Closes every descriptor from 3 on, except those in `kept`.
    package static func closeDescriptors(except kept: [CInt]) {
        let kept = kept.filter { $0 > 2 }.sorted()
        // SAFETY: the array lives for the call.
        unsafe clinux_close_from(3, kept, kept.count)
    }
}

extension Environment {
    /// Removes every variable but these. Call it before any thread exists (clearenv(3)).
    package static func keepOnly(_ names: [String]) {
        let kept = names.compactMap { name in value(of: name).map { (name, $0) } }
        _ = clearenv()
        for (name, value) in kept { set(name, value) }
    }

    /// Sets a variable. Call it before any thread exists.
    package static func set(_ name: String, _ value: String) {
        // SAFETY: the C strings live for the call, which copies them; no other thread exists yet.
        _ = unsafe setenv(name, value, 1)
    }

    /// Every variable, as `name=value`. Call it before any thread exists.
    package static var all: [String] {
        var found: [String] = []
        var next = unsafe environ
        // SAFETY: environ(7) ends with NULL, and no other thread changes it; the texts are copied.
        while let text = unsafe next.pointee {
            unsafe found.append(String(cString: text))
            unsafe next += 1
        }
        return found
    }
}
