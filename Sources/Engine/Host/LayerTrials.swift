// Whether tasks can be made in the data directory. A helper asks the kernel, at the start and,
// while it says no, with each refused create and each audit: the operator may have mounted another
// file system there. The start never depends on the answer, and neither does what is to be deleted.

import Documents
import EventLoop
import Metrics
import Synchronization

@Loop final class LayerTrials {
    private let flight = SingleFlight()
    /// Why not, as far as is known.
    private nonisolated let found = Mutex<String?>(nil)

    nonisolated init() {}

    nonisolated var refusal: String? { found.withLock { $0 } }

    /// Returns with the answer, or when the disk takes too long to give one.
    func tryNow(_ engine: Engine) async { await flight.run { await self.run(engine) } }

    /// Does not wait.
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

    /// Before anything is recorded of a new task.
    func checkDataDirectory(_ context: RequestContext) throws(Problem) {
        guard let refusal = layerTrials.refusal else { return }
        onLoop { self.layerTrials.tryAgain(self) }
        throw Problem(.dataDirectoryUnusable, refusal, instance: context.instance)
    }
}
