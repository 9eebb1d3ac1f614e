// The registry: all pods and operations, in memory and in the store, changed together.
//
// One lock, held for microseconds and never across anything that can block: the store is SQLite on
// tmpfs. Any thread may come in. A change is a transaction: the store first, then memory, then
// whoever waits is told, outside the lock.

import Documents
import EventLoop
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
        /// Those that have not ended; the store has the others.
        var operations = OpenOperations()
        var revision: UInt64 = 0
        /// The revision of the newest event, where it is of this daemon's life.
        var lastEvent: UInt64?
        var lastUID = UID(high: 0, low: 0)
        var nextToken: UInt64 = 0
        var waiters = Waiters()
        var readers = EventReaders()
        var commits = 0
        /// Milliseconds between the host's boot and this registry's start.
        let began = EngineClock.uptime
        /// Whether the store tells which ids may have been forgotten.
        var isForgettingKnown = false
        /// Whether an earlier daemon of this boot had a store of which nothing is left.
        var hasLostStore = false
        /// Whether the last pruning left something to prune.
        var hasMoreToPrune = false
        /// What of the store could not be read, in words.
        var damage: [String] = []
        /// How many look at the machine now, and the pods whose records have gone meanwhile.
        var looks = 0
        var goneDuringLooks: Set<UID> = []
        /// By the number of its inode, for whom each namespace was made last. A number that is used
        /// again takes the place of the old one, so there are never more entries than there were
        /// namespaces at once.
        var namespaces: [UInt64: NamespaceOwner] = [:]
        let store: any RecordKeeping
    }

    let state: Mutex<State>
    let limits: EngineLimits
    /// `nil` where the records are not on a file system.
    let reserve: Reserve?

    init(
        _ store: sending any RecordKeeping, limits: EngineLimits, reserve: Reserve? = nil,
        damage: String? = nil, hasLostStore: Bool = false
    ) throws(EngineFailure) {
        self.reserve = reserve
        var state = State(store: store)
        state.hasLostStore = hasLostStore
        if let damage { state.damage.append(damage) }
        do { try state.load() } catch {
            throw EngineFailure("the store cannot be read: \(error)")
        }
        state.settleForgotten(limits)
        self.state = Mutex(state)
        self.limits = limits
    }

    /// Runs `body` as one transaction: all of what it changes stands, or nothing of it. On the way
    /// down it may have what is held in reserve.
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

    /// Changes that only memory needs: the progress of an operation, which a restart finds anew.
    func show(_ id: UID, _ change: (inout PodOperation) -> Void) {
        state.withLock { state in
            guard var operation = state.operations[id] else { return }
            change(&operation)
            state.operations.put(operation)
        }
    }
}

/// Whether the store took a transaction.
enum Committed<Result: Sendable>: Sendable {
    case done(Result)
    case refused(StoreFailure)
}

/// Who is told of a transaction, once the lock is free.
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
        }
        for document in try store.runningOperations() {
            do throws(RecordFault) {
                var operation = try PodOperation(record: document)
                operation.dropProgress()
                operations.put(operation)
            } catch { damage.append("the record of an operation: \(error)") }
        }
        for record in try store.namespaces() {
            // One that cannot be read only leaves a holder without a name for what it holds.
            if let owner = NamespaceOwner(record) { namespaces[record.inode] = owner }
        }
        revision = try store.revision()
        lastUID = try lastStoredUID()
    }

    /// What is made from now on has a greater uid than all that was, whatever the clock says. Only
    /// the time follows from theirs: the operations that came after them have ids of their own.
    private func lastStoredUID() throws(StoreFailure) -> UID {
        let removed = try store.lastRemovedUID().map { [UID($0)] } ?? []
        let uids = removed + pods.values.flatMap { [$0.uid] + $0.tasks.map(\.uid) }
        guard let time = uids.max()?.time else { return UID(high: 0, low: 0) }
        let reactor = Loop.shared.reactor
        return UID(
            milliseconds: time.milliseconds + 1, random: (reactor.randomBits, reactor.randomBits))
    }

    /// The pod of a record; where the record cannot be read, a lost one of that name and uid, whose
    /// pieces are found by the uid.
    private mutating func readable(_ record: PodRecord) -> Pod {
        do throws(RecordFault) { return try Pod(record: record.document) } catch {
            damage.append("the record of pod \(record.name): \(error)")
        }
        let uid = UID(record.uid)
        // A uid is a label, too.
        guard let name = Label(record.name) ?? Label("\(uid)") else {
            preconditionFailure("no label can be made of \(uid)")
        }
        return Pod(
            uid: uid, name: name, spec: PodSpec(hostname: name.text), state: .lost, revision: 0,
            createdAt: uid.time ?? EngineClock.now)
    }

    mutating func makeToken() -> EngineToken {
        nextToken += 1
        return EngineToken(number: nextToken)
    }

    mutating func apply(_ changes: Changes, _ events: [EventRecord]) -> Aftermath {
        var aftermath = Aftermath()
        for uid in changes.removedPods { names[uid] = nil }
        if looks > 0 { goneDuringLooks.formUnion(changes.removedPods) }
        for (name, pod) in changes.pods {
            pods[name] = pod
            if let pod { names[pod.uid] = name }
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

    /// Every so many commits, so that no timer is needed and an idle daemon does nothing.
    mutating func pruneNowAndThen(_ limits: EngineLimits) {
        commits += 1
        guard hasMoreToPrune || commits % limits.commitsPerPruning == 0 else { return }
        settleForgotten(limits)
        let now = EngineClock.uptime
        // A store that cannot prune now is asked again 512 commits on.
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
    /// Writes down which ids may have been forgotten before the first of this store's records, once
    /// for a store: from then on only ids that the store drops are added. Until there is room for
    /// it, every id that is not known is refused.
    fileprivate mutating func settleForgotten(_ limits: EngineLimits) {
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
            // Told at each request that needs it.
        }
    }
}

extension PodOperation {
    /// Nobody is at these steps any more: whoever goes on with the operation begins them again.
    fileprivate mutating func dropProgress() {
        for index in steps.indices where !steps[index].isDone {
            steps[index].state = .pending
            steps[index].startedAt = nil
            steps[index].detail = nil
        }
    }
}
