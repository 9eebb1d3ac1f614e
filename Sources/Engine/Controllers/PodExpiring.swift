// Deletes a pod once `ttlAfterExit` has passed since the exit of its last task. The delete is an
// operation as any other, and the daemon is its requester.

import EventLoop
import Host
import Model

/// An expiry that the controller waits for.
struct AwaitedExpiry {
    let expiry: PodExpiry
    /// CLOCK_BOOTTIME in nanoseconds. A jump of the wall clock does not change it.
    let due: Int64
}

extension PodController {
    /// Called after each change that may begin or end the wait. An operation that has not ended is
    /// waited for.
    func watchExpiry() {
        guard let expiry = engine.registry.pod(uid)?.expiry else { return awaited = nil }
        let now = EngineClock.sinceBoot
        if awaited?.expiry != expiry {
            // A clock that was set back would make the rest longer than the whole.
            let rest = min(max(0, expiry.time.milliseconds - EngineClock.wall), expiry.ttl)
            awaited = AwaitedExpiry(expiry: expiry, due: now + rest * 1_000_000)
            Loop.shared.reactor.after(milliseconds: rest) { [weak self] in
                onLoop { self?.watchExpiry() }
            }
        }
        guard let awaited, now >= awaited.due,
            engine.registry.openOperations(of: uid).isEmpty
        else { return }
        onLoop { await self.expire(expiry) }
    }

    private func expire(_ expiry: PodExpiry) async {
        let isExpired = await engine.registry.commitUntilAccepted(engine) {
            [uid, context = engine.ownContext] transaction in
            guard let pod = transaction.pod(uid: uid), pod.expiry == expiry,
                transaction.openOperations(of: uid).isEmpty
            else { return false }
            _ = transaction.delete(pod, grace: nil, context)
            return true
        }
        guard isExpired else { return }
        engine.log.write(.info, "pod expired", ["uid": "\(uid)"])
        schedule()
    }
}
