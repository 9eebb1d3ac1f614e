// The only writer of one network: makes its bridge and its part of the firewall, and removes them.
//
// One thing happens at a time. A pod's create waits until the network is there, and finds it made
// anew if a removal was called off.

import EventLoop
import Host
import Kernel
import Metrics
import Model
import Teardown

@Loop final class NetworkController {
    let uid: UID
    let engine: Engine
    private let turn = Turn()
    /// Whether this daemon has made the network, and has not removed it since.
    private(set) var isMade = false
    private var running: UID?
    /// The pods whose host ports the running helper completes.
    private var completing: Set<UID> = []

    init(_ uid: UID, _ engine: Engine) {
        self.uid = uid
        self.engine = engine
    }

    /// Starts the oldest operation, unless one runs.
    func schedule() {
        guard running == nil else { return }
        guard let operation = engine.registry.openOperations(of: uid).first else {
            if engine.registry.network(uid) == nil { engine.networkControllers.forget(uid) }
            return
        }
        running = operation.id
        engine.metrics.operationsStarted.add(1, operation.kind.rawValue)
        onLoop {
            if operation.state == .pending {
                await self.engine.registry.noteStart(operation.id, self.engine)
            }
            if operation.kind == .networkCreate {
                await self.create(operation)
            } else {
                await self.delete(operation)
            }
            self.running = nil
            self.schedule()
        }
    }

    /// Returns once the network is there. Another program may have removed its bridge.
    func ensure() async throws(Failure) {
        await turn.take()
        defer { turn.leave() }
        if !isMade || !engine.host.hasBridge(uid) { try await make() }
    }

    /// Makes what is missing of the network, because another program has removed it.
    func complete() async {
        await turn.take()
        defer { turn.leave() }
        guard engine.registry.network(uid)?.state == .ready else { return }
        do throws(Failure) { try await make() } catch {
            engine.log.write(
                .error, "network not complete", ["network": "\(uid)", "error": error.detail])
        }
    }

    /// Returns once no helper adds host ports of the pod any more. A later helper does not complete
    /// a pod that is being deleted.
    func letGo(of pod: UID) async {
        guard completing.contains(pod) else { return }
        await turn.take()
        turn.leave()
    }

    private func make() async throws(Failure) {
        guard let network = engine.registry.network(uid) else {
            throw Failure(.networkFailed, "the network is gone", step: .create(.networkCreate))
        }
        let pods = engine.registry.pods(on: uid).map(\.completable)
        completing = Set(pods.lazy.filter(\.isSettled).map(\.uid))
        defer { completing = [] }
        let blocker: Blocker?
        do throws(SystemCallFailure) {
            blocker = try await engine.host.make(network, pods)
        } catch { blocker = Blocker(error) }
        if let blocker {
            throw Failure(.networkFailed, blocker.reason, step: .create(.networkCreate))
        }
        isMade = true
    }

    private func create(_ operation: PodOperation) async {
        let journal = OperationJournal(engine, operation: operation.id, controller: nil)
        let step = ShownStep(.create(.networkCreate), nil)
        journal.began(step)
        do throws(Failure) { try await ensure() } catch {
            await turn.take()
            defer { turn.leave() }
            // The create of a pod that came meanwhile may have made the network.
            if !isMade {
                journal.failed(step, error.detail)
                return await undo(operation, error)
            }
        }
        journal.ended(step, skipped: false)
        let isDone = await engine.registry.end(
            operation.id, .succeeded, unlessCalledOff: true, engine
        ) { [uid] transaction, _ in
            guard var network = transaction.network(uid: uid) else { return }
            network.state = .ready
            network.operation = nil
            transaction.put(network)
        }
        if isDone { return }
        await turn.take()
        defer { turn.leave() }
        await undo(operation, Failure(.networkFailed, "called off"))
    }

    /// Undoes a create, unless a delete has taken over. The caller has the turn: no pod makes the
    /// network again before its record is gone.
    private func undo(_ operation: PodOperation, _ failure: Failure) async {
        if engine.registry.openOperation(operation.id)?.supersededBy != nil {
            await engine.registry.end(operation.id, .canceled, engine) { _, _ in }
            return
        }
        let proof = await tearDown(operation)
        await engine.registry.end(operation.id, .failed, error: failure, engine) {
            [uid] transaction, ended in
            guard ended.supersededBy == nil, let network = transaction.network(uid: uid) else {
                return
            }
            transaction.remove(network, proof)
        }
    }

    private func delete(_ operation: PodOperation) async {
        await turn.take()
        defer { turn.leave() }
        let proof = await tearDown(operation)
        let isDone = await engine.registry.end(
            operation.id, .succeeded, unlessCalledOff: true, engine
        ) { [uid] transaction, _ in
            guard let network = transaction.network(uid: uid) else { return }
            transaction.remove(network, proof)
        }
        // A pod needs the network after all, and its create makes it anew.
        if !isDone { await engine.registry.end(operation.id, .canceled, engine) { _, _ in } }
    }

    private func tearDown(_ operation: PodOperation) async -> NoNetworkLeft {
        isMade = false
        let journal = OperationJournal(engine, operation: operation.id, controller: nil)
        let removal = NetworkRemoval(engine, uid, journal)
        return await Teardown(remover: removal, journal: journal).run(network: uid)
    }
}

extension Pod {
    /// The pod as a helper of its network completes it. The shim of a pod that is being created
    /// publishes its host ports, and a pod that is being deleted has none any more.
    fileprivate var completable: Pod {
        var pod = self
        if !isSettled { pod.spec.network.bridge?.ports = [] }
        return pod
    }
}

/// One controller for each network.
@Loop final class NetworkControllers {
    private var controllers: [UID: NetworkController] = [:]

    nonisolated init() {}

    func controller(of network: UID, _ engine: Engine) -> NetworkController {
        if let controller = controllers[network] { return controller }
        let controller = NetworkController(network, engine)
        controllers[network] = controller
        return controller
    }

    /// Whether the network has to exist on the host: it was made, and is not being removed.
    func isMade(_ network: Network) -> Bool {
        network.state == .ready && controllers[network.uid]?.isMade ?? false
    }

    func forget(_ network: UID) { controllers[network] = nil }

    /// Removes, after a while, the networks that a pod has left, if no pod needs them then. So a
    /// pod after another does not make the network anew.
    func noteLeft(_ networks: Set<UID>, _ engine: Engine) {
        for network in networks {
            Loop.shared.reactor.after(milliseconds: engine.settings.networkLinger) {
                onLoop { await self.removeIfUnused(network, engine) }
            }
        }
    }

    /// Completes the networks at the daemon's start, without waiting, and removes unused ones.
    func recover(_ engine: Engine) async {
        for network in engine.registry.networks where network.state == .ready {
            onLoop { await self.controller(of: network.uid, engine).complete() }
        }
        await removeUnused(engine)
    }

    /// Removes the networks that no pod needs and no client made.
    func removeUnused(_ engine: Engine) async {
        for network in engine.registry.networks where network.isAutomatic {
            await removeIfUnused(network.uid, engine)
        }
    }

    private func removeIfUnused(_ network: UID, _ engine: Engine) async {
        let isRemoved = await engine.registry.commitUntilAccepted(engine) {
            [context = engine.ownContext] transaction in
            transaction.removeUnusedNetwork(network, context)
        }
        if isRemoved { engine.wake(network) }
    }

    /// Makes again what other programs have removed of any network.
    func complete(_ engine: Engine) async {
        for network in engine.registry.networks.map(\.uid) {
            await controller(of: network, engine).complete()
        }
    }
}
