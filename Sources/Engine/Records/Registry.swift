// The registry contains all pods and operations, in memory and in the store, and changes both
// together.
//
// It has one lock, which is held for microseconds and never during a call that can block, because
// the store is SQLite on tmpfs. Any thread may call it. A transaction changes the store first, then
// memory. Then it calls the waiters, outside the lock.

import Documents
import EventLoop
import Host
import Model
import Store
import Synchronization

package struct EngineToken: Hashable, Sendable {
    let number: UInt64
}

final class Registry: Sendable {
    struct State: ~Copyable {
        var pods: [Label: Pod] = [:]
        var names: [UID: Label] = [:]
        var networks: [Label: Network] = [:]
        var networkNames: [UID: Label] = [:]
        var use = NetworkUse()
        /// The operations that have not ended. The store has the others.
        var operations = OpenOperations()
        var revision: UInt64 = 0
        /// The revision of the newest event; `nil` if this daemon has made no event.
        var lastEvent: UInt64?
        var lastUID = UID(high: 0, low: 0)
        var nextToken: UInt64 = 0
        var waiters = Waiters()
        var readers = EventReaders()
        var commits = 0
        /// Milliseconds between the host's boot and this registry's start.
        let began = EngineClock.uptime
        /// Whether the store knows which ids may have been forgotten.
        var isForgettingKnown = false
        /// Whether an earlier daemon of this boot had a store that is lost.
        var hasLostStore = false
        /// Whether the last pruning left records to prune.
        var hasMoreToPrune = false
        /// The parts of the store that could not be read, in words.
        var damage: [String] = []
        /// The number of looks at the machine in progress, and the pods whose records were removed
        /// meanwhile.
        var looks = 0
        var goneDuringLooks: Set<UID> = []
        /// The last owner of each namespace, by the inode number of the namespace. A reused number
        /// replaces the former owner, so there are never more entries than there were namespaces at
        /// once.
        var namespaces: [UInt64: NamespaceOwner] = [:]
        let store: any RecordKeeping
    }

    let state: Mutex<State>
    let limits: Limits
    /// `nil` if the records are not on a file system.
    let reserve: (any Reserve)?

    init(
        _ store: sending any RecordKeeping, limits: Limits, reserve: (any Reserve)? = nil,
        damage: String? = nil, hasLostStore: Bool = false
    ) throws(StartFailure) {
        self.reserve = reserve
        var state = State(store: store)
        state.hasLostStore = hasLostStore
        if let damage { state.damage.append(damage) }
        do { try state.load() } catch {
            throw StartFailure("the store cannot be read: \(error)")
        }
        state.settleForgotten(limits)
        self.state = Mutex(state)
        self.limits = limits
    }

    /// Runs `body` as one transaction: either all its changes are stored, or none. If it
    /// `releasesResources`, it may use the reserve.
    func transaction<Result: Sendable, Failure: Error>(
        releasesResources: Bool = false, _ body: (inout Transaction) throws(Failure) -> Result
    ) throws(Failure) -> Committed<Result> {
        var aftermath = Aftermath()
        let outcome: Committed<Result> = try state.withLock { state throws(Failure) in
            var transaction = Transaction(state)
            let result = try body(&transaction)
            let changes = transaction.finish()
            if changes.isEmpty { return .done(result) }
            let stored = changes.stored()
            do throws(StoreFailure) { try state.store.commit(stored) } catch {
                guard releasesResources, error == .full, reserve?.giveUp() == true else {
                    return .refused(error)
                }
                do throws(StoreFailure) { try state.store.commit(stored) } catch {
                    return .refused(error)
                }
            }
            aftermath = state.apply(changes, stored.events)
            state.pruneNowAndThen(limits)
            return .done(result)
        }
        reserve?.takeBack()
        for waiter in aftermath.waiters { waiter() }
        if aftermath.wakesReaders { onLoop { self.wakeReaders() } }
        return outcome
    }

    /// Changes an operation in memory only. Such a change is the progress, which the operation
    /// builds again after a restart.
    func show(_ id: UID, _ change: (inout PodOperation) -> Void) {
        state.withLock { state in
            guard var operation = state.operations[id] else { return }
            change(&operation)
            state.operations.put(operation)
        }
    }
}

/// Whether the store accepted a transaction.
enum Committed<Result: Sendable>: Sendable {
    case done(Result)
    case refused(StoreFailure)
}

/// The callbacks of a transaction, called once the lock is free.
struct Aftermath {
    var waiters: [@Sendable () -> Void] = []
    var wakesReaders = false
}

extension Registry.State {
    mutating func load() throws(StoreFailure) {
        for record in try store.pods() {
            let pod = readable(record)
            pods[pod.name] = pod
            names[pod.uid] = pod.name
            use.add(pod)
        }
        for record in try store.networks() {
            do throws(RecordFault) {
                let network = try Network(record: record.document)
                networks[network.name] = network
                networkNames[network.uid] = network.name
            } catch { damage.append("the record of a network: \(error)") }
        }
        for document in try store.runningOperations() {
            do throws(RecordFault) {
                var operation = try PodOperation(record: document)
                operation.dropProgress()
                operations.put(operation)
            } catch { damage.append("the record of an operation: \(error)") }
        }
        for record in try store.namespaces() {
            // If an owner cannot be read, the audit only cannot name the pod of a held namespace.
            if let owner = NamespaceOwner(record) { namespaces[record.inode] = owner }
        }
        revision = try store.revision()
        lastUID = try lastStoredUID()
    }

    /// Returns a uid that is greater than all stored uids, whatever the clock says. Only its time
    /// follows from theirs, because operations that came after them have ids of their own.
    private func lastStoredUID() throws(StoreFailure) -> UID {
        let removed = try store.lastRemovedUID().map { [UID($0)] } ?? []
        let uids =
            removed + networks.values.map(\.uid)
            + pods.values.flatMap { [$0.uid] + $0.tasks.map(\.uid) }
        guard let time = uids.max()?.time else { return UID(high: 0, low: 0) }
        let reactor = Loop.shared.reactor
        return UID(
            milliseconds: time.milliseconds + 1, random: (reactor.randomBits, reactor.randomBits))
    }

    /// Returns the pod of a record. If the record cannot be read, returns a lost pod of that name
    /// and uid, whose objects are found by the uid.
    private mutating func readable(_ record: PodRecord) -> Pod {
        do throws(RecordFault) { return try Pod(record: record.document) } catch {
            damage.append("the record of pod \(record.name): \(error)")
        }
        let uid = UID(record.uid)
        // A uid is a valid label, too.
        guard let name = Label(record.name) ?? Label("\(uid)") else {
            preconditionFailure("no label can be made of \(uid)")
        }
        var pod = Pod(
            uid: uid, name: name, spec: PodSpec(hostname: name.text), state: .lost, revision: 0,
            createdAt: uid.time ?? EngineClock.now)
        pod.isSpecLost = true
        return pod
    }

    mutating func makeToken() -> EngineToken {
        nextToken += 1
        return EngineToken(number: nextToken)
    }

    mutating func apply(_ changes: Changes, _ events: [EventRecord]) -> Aftermath {
        var aftermath = Aftermath()
        for uid in changes.removedPods { names[uid] = nil }
        for uid in changes.removedNetworks {
            networkNames[uid] = nil
            use.forget(uid)
        }
        if looks > 0 {
            goneDuringLooks.formUnion(changes.removedPods + changes.removedNetworks)
        }
        for (name, pod) in changes.pods {
            if let before = pods[name], !before.holdsTheSame(as: pod) { use.remove(before) }
            if let pod, !pod.holdsTheSame(as: pods[name]) { use.add(pod) }
            pods[name] = pod
            if let pod { names[pod.uid] = name }
        }
        for (name, network) in changes.networks {
            networks[name] = network
            if let network { networkNames[network.uid] = name }
        }
        revision = changes.revision
        lastUID = changes.lastUID
        for (id, operation) in changes.operations {
            operations.put(operation)
            if operation.state.hasEnded { aftermath.waiters += waiters.take(id) }
        }
        if let last = events.last {
            lastEvent = last.revision
            aftermath.wakesReaders = readers.note(events)
        }
        return aftermath
    }

    /// Prunes once in `commitsPerPruning` commits, so that no timer is needed and an idle daemon
    /// does nothing.
    mutating func pruneNowAndThen(_ limits: Limits) {
        commits += 1
        guard hasMoreToPrune || commits % limits.commitsPerPruning == 0 else { return }
        settleForgotten(limits)
        let now = EngineClock.uptime
        // If the store cannot prune now, it tries again after as many commits.
        do throws(StoreFailure) {
            hasMoreToPrune = try store.prune(
                Retention(
                    operationsKept: limits.operationsKept,
                    operationsSince: now - limits.operationsKeptSeconds * 1000,
                    tombstonesKept: limits.tombstonesKept,
                    tombstonesSince: now - limits.tombstonesKeptSeconds * 1000,
                    eventsKept: limits.eventsKept, now: now, began: began))
        } catch { hasMoreToPrune = false }
    }
}

extension Registry.State {
    /// Stores once which ids may have been forgotten before the first record of this store. From
    /// then on only the ids that the store drops are added. Until there is room to store that,
    /// every unknown id is refused.
    fileprivate mutating func settleForgotten(_ limits: Limits) {
        if isForgettingKnown { return }
        do throws(StoreFailure) {
            let found = try store.forgotten()
            if found?.isWhole != true {
                let now = EngineClock.wall
                let boot = now - EngineClock.uptime
                let isLost = found != nil || hasLostStore
                var times = ForgottenTimes(
                    until: isLost ? now : max(boot, now - limits.tombstonesKeptSeconds * 1000))
                if var found {
                    found.isWhole = true
                    times.formUnion(found)
                }
                try store.setForgotten(times)
            }
            isForgettingKnown = true
        } catch {
            // Every request that needs it reports the failure.
        }
    }
}

extension PodOperation {
    /// Resets the unfinished steps, because no process works at them after a restart. The
    /// controller that continues the operation begins them again.
    fileprivate mutating func dropProgress() {
        for index in steps.indices where !steps[index].isDone {
            steps[index].state = .pending
            steps[index].startedAt = nil
            steps[index].retryAt = nil
            steps[index].detail = nil
        }
    }
}
