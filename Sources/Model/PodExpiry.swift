// When a pod is to be deleted because its tasks have exited.

import Kernel

/// The end of a pod with `ttlAfterExit` whose tasks have all exited.
package struct PodExpiry: Equatable, Sendable {
    /// The exit of the last task, in milliseconds of Unix time.
    package let lastExit: Int64
    /// Milliseconds from then on.
    package let ttl: Int64

    /// When the pod is to be deleted.
    package var time: Timestamp { Timestamp(milliseconds: lastExit.addingReportingOverflow(ttl).0) }
}

extension Pod {
    /// `nil` for a pod without `ttlAfterExit`, without tasks, or with a task that has not
    /// exited or will be restarted.
    package var expiry: PodExpiry? {
        switch state {
        case .creating, .deleting: return nil
        case .ready, .stopping, .stopped, .lost: break
        }
        guard let ttl = spec.ttlAfterExit, !tasks.isEmpty else { return nil }
        var last = Int64.min
        for task in tasks {
            guard case .exited(let exit) = task.state, task.nextStart == nil else { return nil }
            last = max(last, exit.finishedAt)
        }
        return PodExpiry(lastExit: last, ttl: ttl)
    }
}
