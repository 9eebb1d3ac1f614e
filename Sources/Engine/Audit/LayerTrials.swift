// Whether tasks can be made in the data directory. A helper asks the kernel at the start. While the
// answer is no, it asks again with each refused create and each audit, because the operator may
// have mounted another file system. Neither the start nor a delete depends on the answer.

import EventLoop
import Host
import Metrics
import Synchronization

@Loop final class LayerTrials {
    private let flight = SingleFlight()
    /// Why not, as far as it is known.
    private nonisolated let found = Mutex<String?>(nil)

    nonisolated init() {}

    nonisolated var refusal: String? { found.withLock { $0 } }

    /// Asks now. Returns with the answer, or when the disk takes too long to give it.
    func tryNow(_ engine: Engine) async { await flight.run { await self.run(engine) } }

    /// Asks again without waiting for the answer.
    func tryAgain(_ engine: Engine) {
        if refusal != nil { flight.begin { await self.run(engine) } }
    }

    private func run(_ engine: Engine) async {
        let refusal = await engine.host.layerRefusal()
        let before = found.withLock { found in
            defer { found = refusal }
            return found
        }
        engine.metrics.dataDirectoryUsable.set(refusal == nil ? 1 : 0)
        guard refusal != before else { return }
        if let refusal {
            engine.log.write(.error, "no task can be made", ["why": refusal])
        } else {
            engine.log.write(.info, "the data directory can be used again")
        }
    }
}

extension Engine {
    /// Why no task can be made in the data directory; `nil` if tasks can.
    package var dataDirectoryRefusal: String? { layerTrials.refusal }

    /// Throws if no task can be made. Called before anything of a new task is recorded.
    func checkDataDirectory() throws(Refusal) {
        guard let refusal = layerTrials.refusal else { return }
        onLoop { self.layerTrials.tryAgain(self) }
        throw .dataDirectoryUnusable(refusal)
    }
}
