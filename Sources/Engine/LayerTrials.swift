// Whether tasks can be made in the data directory. A helper asks the kernel, at the start and,
// while it says no, with each refused create and each audit: the operator may have mounted another
// file system there. The start never depends on the answer, and neither does what is to be deleted.

import Documents
import Metrics
import Synchronization

@Loop final class LayerTrials {
    private var isTrying = false
    private var waiters: [CheckedContinuation<Void, Never>] = []
    /// Why not, as far as is known.
    private nonisolated let found = Mutex<String?>(nil)

    nonisolated init() {}

    nonisolated var refusal: String? { found.withLock { $0 } }

    /// Milliseconds that a start waits for the first answer.
    private static let patience: Int64 = 1000

    /// Returns with the answer, or when it takes too long: a disk that does not answer holds up
    /// nobody.
    func tryNow(_ engine: Engine) async {
        begin(engine)
        Loop.shared.reactor.after(milliseconds: LayerTrials.patience) { onLoop { self.wake() } }
        if isTrying { await withCheckedContinuation { waiters.append($0) } }
    }

    /// Does not wait.
    func tryAgain(_ engine: Engine) {
        if refusal != nil { begin(engine) }
    }

    private func begin(_ engine: Engine) {
        guard !isTrying else { return }
        isTrying = true
        onLoop { await self.run(engine) }
    }

    private func run(_ engine: Engine) async {
        let refusal = await engine.ground.layerRefusal()
        let before = found.withLock { found in
            defer { found = refusal }
            return found
        }
        isTrying = false
        wake()
        engine.metrics.dataDirectoryUsable.set(refusal == nil ? 1 : 0)
        guard refusal != before else { return }
        if let refusal {
            engine.log.write(.error, "no task can be made", ["why": refusal])
        } else {
            engine.log.write(.info, "the data directory can be used again")
        }
    }

    private func wake() {
        let all = waiters
        waiters = []
        for waiter in all { waiter.resume() }
    }
}

extension Engine {
    /// Why no task can be made in the data directory; `nil` if tasks can.
    package var dataDirectoryRefusal: String? { layerTrials.refusal }

    /// Before anything is recorded of a new task.
    func checkDataDirectory(_ context: RequestContext) throws(Problem) {
        guard let refusal = layerTrials.refusal else { return }
        onLoop { self.layerTrials.tryAgain(self) }
        throw Problem(.dataDirectoryUnusable, refusal, instance: context.instance)
    }
}
