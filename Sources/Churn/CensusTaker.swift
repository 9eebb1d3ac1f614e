// The census of LAWS.md, before the first create and after the last delete.

import Bytes
import Census

struct CensusTaker {
    private let marks: Census.Marks
    private let before: Census

    /// `nil` where the daemon is another's: what others do with it meanwhile is not ours to name.
    /// And where the census does not see the daemon's socket: then it would see nothing else.
    init?(_ shared: Setting, ownDaemon: Bool) {
        guard ownDaemon else { return nil }
        let stage = shared.stage
        // The host's network is not ours alone, and the daemon dies and comes back: what it holds
        // itself is seen by its descriptors over the time of the run.
        let marks = Census.Marks(
            runDirectory: stage.runDirectory, dataDirectory: stage.dataDirectory,
            logDirectory: stage.logDirectory, cgroupParent: stage.cgroupParent,
            bindSources: [stage.rootfs], hostNetwork: false, daemonToo: false)
        // The kernel does not tell its list of sockets in one piece: ours is in it, so look again
        // until it is seen.
        var first = Census(marks)
        let isSeen = wait(atMost: 5) {
            if first.names.contains("socket \(stage.socket)") { return true }
            first = Census(marks)
            return false
        }
        guard isSeen else { return nil }
        self.marks = marks
        before = first
    }

    /// What is there now and was not before, or was and is not, by name.
    func changes() -> [String] {
        var after = Census(marks)
        _ = wait(atMost: 3) {
            guard after.differsOnlyInSockets(from: before) else { return true }
            after = Census(marks)
            return after == before
        }
        return after.difference(from: before).fields("\n") + after.unreadable
    }
}
