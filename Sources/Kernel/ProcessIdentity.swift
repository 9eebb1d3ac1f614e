/// The identity of a process. A later process with the same pid has another start time.
package struct ProcessIdentity: Hashable, Sendable {
    package let pid: Int32
    /// Clock ticks since boot when it started: field 22 of `/proc/<pid>/stat` (proc(5)).
    package let startTicks: UInt64

    package init(pid: Int32, startTicks: UInt64) {
        self.pid = pid
        self.startTicks = startTicks
    }
}

/// The user that a process runs as, in numbers (credentials(7)).
package struct ResolvedUser: Equatable, Sendable {
    package let uid: UInt32
    package let gid: UInt32
    package let additionalGIDs: [UInt32]

    package init(uid: UInt32, gid: UInt32, additionalGIDs: [UInt32] = []) {
        self.uid = uid
        self.gid = gid
        self.additionalGIDs = additionalGIDs
    }
}
