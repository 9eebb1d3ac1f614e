// The census of LAWS.md, taken before the first create and after the last delete.

import Bytes
import Census

struct CensusTaker {
    private let marks: Census.Marks
    private let before: Census

    /// `nil` if the daemon is not the run's own, because others may use it meanwhile. Also `nil` if
    /// the census does not see the daemon's socket, because then it sees nothing else either.
    init?(_ shared: Setting, ownDaemon: Bool) {
        guard ownDaemon else { return nil }
        let stage = shared.stage
        // Other programs use the host's network too. The daemon dies and restarts, so its own
        // descriptors are checked by the samples over the time of the run.
        let marks = Census.Marks(
            runDirectory: stage.runDirectory, dataDirectory: stage.dataDirectory,
            logDirectory: stage.logDirectory, cgroupParent: stage.cgroupParent,
            bindSources: [stage.rootfs], hostNetwork: false, daemonToo: false)
        // The kernel does not produce its list of sockets atomically. The list must contain our
        // socket, so repeat the census until it does.
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

    /// The names of things that appeared or disappeared since the first census.
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
