// The bridge of a network and its entries in the firewall.

import EventLoop
import Host
import Kernel
import Model
import Teardown

struct Bridge: NetworkResource {
    /// The look at the pods' interfaces sees the bridges (`Interface`).
    func observe(_ look: Look) async -> [Observation] { [] }

    func remove(_ network: UID, _ host: any Host) async throws(SystemCallFailure) -> StepOutcome {
        StepOutcome(try await host.removeNetwork(network))
    }
}

/// The removal of one network's objects.
@Loop final class NetworkRemoval: Remover {
    private let engine: Engine
    private let uid: UID
    private let journal: OperationJournal
    private let backoff = Backoff()

    nonisolated init(_ engine: Engine, _ uid: UID, _ journal: OperationJournal) {
        self.engine = engine
        self.uid = uid
        self.journal = journal
    }

    @Loop func remove(_ step: TeardownStep) async -> StepOutcome {
        guard case .network(let resource) = step.name.resource else {
            return .blocked(Blocker("\(step.name.rawValue) has another scope"))
        }
        do throws(SystemCallFailure) { return try await resource.remove(uid, engine.host) } catch {
            return .blocked(Blocker(error))
        }
    }

    @Loop func nextChange(_ step: TeardownStep) async { await backoff.pause(step, journal) }
}
