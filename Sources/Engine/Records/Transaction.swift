// The changes of one transaction.

import Bytes
import Documents
import EventLoop
import Host
import Kernel
package import Model
package import Store
import Teardown

struct Transaction {
    private let basePods: [Label: Pod]
    private let names: [UID: Label]
    private let baseNetworks: [Label: Network]
    private let networkNames: [UID: Label]
    /// The addresses and ports that pods had before this transaction.
    let use: NetworkUse
    private let baseOperations: OpenOperations
    /// The store, for reading ended operations. Only the registry changes it.
    let store: any RecordKeeping
    /// The wall time, for display and for new ids.
    let time = EngineClock.now
    /// Milliseconds since the host's boot.
    let uptime = EngineClock.uptime
    private var changes: Changes

    init(_ state: borrowing Registry.State) {
        basePods = state.pods
        names = state.names
        baseNetworks = state.networks
        networkNames = state.networkNames
        use = state.use
        baseOperations = state.operations
        store = state.store
        changes = Changes(revision: state.revision, lastUID: state.lastUID)
    }

    /// Returns the changes, to be stored and then applied. This value ends here, because the
    /// registry's tables must not be shared with it: each change would otherwise copy them whole.
    consuming func finish() -> Changes { changes }

    var podCount: Int { basePods.count }

    /// Returns the pod of this name; `nil` if there is none, or for the `nil` of a target without
    /// a pod.
    func pod(_ name: Label?) -> Pod? {
        guard let name else { return nil }
        if let changed = changes.pods[name] { return changed }
        return basePods[name]
    }

    func network(_ name: Label) -> Network? {
        if let changed = changes.networks[name] { return changed }
        return baseNetworks[name]
    }

    func network(uid: UID) -> Network? {
        networkNames[uid].flatMap { network($0) }.flatMap { $0.uid == uid ? $0 : nil }
    }

    /// All networks before this transaction.
    var networks: some Collection<Network> { baseNetworks.values }

    /// The networks that pods leave with this transaction. Pods may have joined them since.
    var networksLeft: Set<UID> {
        let left = changes.pods.map { name, pod in
            Set(basePods[name]?.interfaces.map(\.networkUID) ?? [])
                .subtracting(pod?.interfaces.map(\.networkUID) ?? [])
        }
        return left.reduce([]) { $0.union($1) }
    }

    func operation(_ id: UID) -> PodOperation? { changes.operations[id] ?? baseOperations[id] }

    func allOpen() -> [PodOperation] { Array(baseOperations.all) }

    func pod(uid: UID) -> Pod? {
        names[uid].flatMap { pod($0) }.flatMap { $0.uid == uid ? $0 : nil }
    }

    /// The operations of one incarnation of a pod that have not ended, oldest first.
    func openOperations(of pod: UID) -> [PodOperation] {
        let known = baseOperations.of(pod).compactMap { operation($0.id) }
        let new = changes.operations.values.filter {
            $0.target.owner.uid == pod && baseOperations[$0.id] == nil
        }
        let open = (known + new).filter { !$0.state.hasEnded }
        return new.isEmpty ? open : open.sorted { $0.order < $1.order }
    }

    /// Throws if the pod has reached the limit of open operations. A request that ends or removes
    /// an object, or joins an operation, is never refused for that.
    func checkRoom(for pod: UID, _ limits: Limits) throws(Refusal) {
        guard baseOperations.count(of: pod) < limits.operationsPerPod else {
            throw .tooManyOperations(limit: limits.operationsPerPod)
        }
    }

    /// Throws if a pod has grown beyond the limit of a PUT, whichever request has added to it. A
    /// pod that is larger already (its record is of an earlier version) may get smaller.
    func checkSizes() throws(Refusal) {
        for case let pod? in changes.pods.values { try checkSize(of: pod) }
    }

    /// The same for one pod, as it is to become.
    func checkSize(of pod: Pod) throws(Refusal) {
        let (bytes, limit) = (pod.specBytes, DocumentLimits.bytes)
        guard bytes > limit, bytes > basePods[pod.name]?.specBytes ?? 0 else { return }
        throw .documentTooLarge(pod.name, bytes: bytes, limit: limit)
    }

    /// Returns a new UUIDv7 that is greater than every earlier uid, so that their order is the
    /// order of creation.
    mutating func makeUID() -> UID {
        let reactor = Loop.shared.reactor
        var uid = UID(
            milliseconds: time.milliseconds, random: (reactor.randomBits, reactor.randomBits))
        let last = changes.lastUID
        if uid <= last { uid = UID(high: last.high, low: last.low &+ 1) }
        changes.lastUID = uid
        return uid
    }

    mutating func put(_ pod: Pod) {
        let known = self.pod(pod.name)
        var pod = pod
        changes.revision += 1
        pod.revision = changes.revision
        if known?.state != pod.state || known?.uid != pod.uid {
            tell(.state(pod.state.rawValue), Target(pod))
        }
        for index in pod.tasks.indices {
            let task = pod.tasks[index]
            let before = known?[task: task.spec.name]
            guard before != task else { continue }
            pod.tasks[index].revision = pod.revision
            tell(of: task, since: before?.uid == task.uid ? before : nil, Target(pod, task))
        }
        changes.pods[pod.name] = .some(pod)
    }

    /// Tells of each exit and of each start, also of an attempt that has ended since, and of a new
    /// state that is neither.
    private mutating func tell(of task: PodTask, since before: PodTask?, _ target: Target) {
        if let change = task.healthChange, change != before?.healthChange {
            tell(.health(change, task.spec.health?.onFailure ?? .none), target)
        }
        var told = before?.attempt ?? 1
        var state = before?.state.name
        for exit in task.exits where exit.attempt > before?.lastExit?.attempt ?? 0 {
            if exit.attempt > told { tell(.started(attempt: exit.attempt), target) }
            tell(.exited(exit), target)
            told = max(told, exit.attempt)
            if state != "deleting" { state = "exited" }
        }
        if task.attempt > told {
            tell(.started(attempt: task.attempt), target)
            if case .running = task.state { return }
        }
        guard task.state.name != state else { return }
        switch (before?.state, task.state) {
        case (.paused?, _), (_, .creating), (_, .created), (_, .paused), (_, .exited),
            (_, .deleting):
            tell(.state(task.state.name), target)
        case (_, .running): tell(.started(attempt: task.attempt), target)
        }
    }

    /// Removes a pod's record. The caller needs the proof that nothing of the pod is left.
    mutating func remove(_ pod: Pod, _ proof: NothingLeft) {
        changes.revision += 1
        changes.pods.updateValue(nil, forKey: pod.name)
        changes.removedPods.append(proof.pod)
        tell(.gone, Target(pod))
    }

    /// Removes a task's record. The caller needs the proof that nothing of the task is left.
    mutating func remove(_ task: Label, of pod: Pod, _ proof: NoTaskLeft) {
        var pod = pod
        if pod[task: task]?.uid == proof.task { pod[task: task] = nil }
        changes.revision += 1
        tell(.gone, Target(pod, task: task, proof.task))
        put(pod)
    }

    mutating func put(_ network: Network) {
        let known = self.network(network.name)
        var network = network
        changes.revision += 1
        network.revision = changes.revision
        if known?.state != network.state || known?.uid != network.uid {
            tell(.state(network.state.rawValue), Target(network))
        }
        changes.networks[network.name] = .some(network)
    }

    /// Removes a network's record. The caller needs the proof that nothing of it is left.
    mutating func remove(_ network: Network, _ proof: NoNetworkLeft) {
        changes.revision += 1
        changes.networks.updateValue(nil, forKey: network.name)
        changes.removedNetworks.append(proof.network)
        tell(.gone, Target(network))
    }

    mutating func put(_ operation: PodOperation) {
        let known = self.operation(operation.id)
        var operation = operation
        changes.revision += 1
        operation.revision = changes.revision
        if operation.order == 0 {
            operation.order = changes.revision
            let ahead = openOperations(of: operation.target.owner.uid)
            if operation.state == .pending, !ahead.contains(where: { $0.excludes(operation) }) {
                operation.state = .running
            }
        }
        changes.operations[operation.id] = operation
        if known?.state != operation.state {
            tell(.operation(operation.id, operation.state), operation.target)
        }
    }

    /// Tells readers of the events that an operation has changed, although its state has not.
    mutating func tellOfChange(_ operation: PodOperation) {
        changes.revision += 1
        tell(.operation(operation.id, operation.state), operation.target)
    }

    /// Adds the daemon's own operation that removes what a lost pod held. Returns its id.
    mutating func makeCleanup(of pod: Pod, _ context: RequestContext) -> UID {
        var operation = makeOperation(.podCleanup, Target(pod), context)
        operation.steps = OperationStep.removing(tasks: pod.tasks.map(\.spec.name))
        put(operation)
        return operation.id
    }

    /// Makes `id` an alias of the operation `target`.
    mutating func alias(_ id: UID, to target: UID, fingerprint: UInt64) {
        changes.aliases.append(
            AliasRecord(
                id: id.recordID, operation: target.recordID, fingerprint: fingerprint,
                createdAt: uptime))
    }

    /// Adds an event. Each event has a revision of its own, so that `since` never falls between two
    /// events of one revision.
    private mutating func tell(_ change: Event.Change, _ target: Target) {
        if let last = changes.events.last, last.revision >= changes.revision {
            changes.revision = last.revision + 1
        }
        changes.events.append(
            Event(revision: changes.revision, time: time, target: target, change: change))
    }
}

extension Pod {
    /// Frees what the record alone keeps of a pod of which nothing else is left.
    mutating func release(_ proof: NothingLeft) {
        guard proof.pod == uid else { return }
        interfaces = []
        attachments = []
    }
}

/// The outcome of a transaction.
struct Changes {
    /// `nil` for a pod that was removed.
    var pods: [Label: Pod?] = [:]
    var removedPods: [UID] = []
    /// `nil` for a network that was removed.
    var networks: [Label: Network?] = [:]
    var removedNetworks: [UID] = []
    var operations: [UID: PodOperation] = [:]
    var aliases: [AliasRecord] = []
    var events: [Event] = []
    var revision: UInt64
    var lastUID: UID

    init(revision: UInt64, lastUID: UID) {
        self.revision = revision
        self.lastUID = lastUID
    }

    var isEmpty: Bool {
        pods.isEmpty && removedPods.isEmpty && networks.isEmpty && removedNetworks.isEmpty
            && operations.isEmpty && aliases.isEmpty
    }

    func stored() -> StoreChange {
        var change = StoreChange(revision: revision)
        for case let pod? in pods.values {
            change.pods.append(
                PodRecord(uid: pod.uid.recordID, name: pod.name.text, document: pod.record()))
        }
        change.removedPods = removedPods.map(\.recordID)
        for case let network? in networks.values {
            change.networks.append(
                NetworkRecord(uid: network.uid.recordID, document: network.record()))
        }
        change.removedNetworks = removedNetworks.map(\.recordID)
        let uptime = EngineClock.uptime
        change.operations = operations.values.map { $0.storeRecord(uptime: uptime) }
        change.aliases = aliases
        change.events = events.map {
            EventRecord(revision: $0.revision, document: $0.document().bytes)
        }
        return change
    }
}

extension Target {
    fileprivate var record: RecordTarget {
        let owner = owner
        guard owner != self else { return RecordTarget(name: name, uid: uid.recordID) }
        return RecordTarget(
            part: name, uid: uid.recordID, of: owner.name, ownerUID: owner.uid.recordID)
    }
}

extension UID {
    package var recordID: RecordID { RecordID(high: high, low: low) }

    init(_ id: RecordID) { self.init(high: id.high, low: id.low) }
}

extension PodOperation {
    func storeRecord(uptime: Int64) -> OperationRecord {
        let ending = finishedAt.map { _ in
            OperationRecord.Ending(finishedAt: uptime, tombstone: tombstone())
        }
        return OperationRecord(
            id: id.recordID, kind: kind.rawValue, removes: kind.isDelete, target: target.record,
            revision: revision, creation: order, document: record(), ending: ending)
    }
}
