// The history is read in parts, in order and to the end, whatever its length.

import Bytes
import Documents
import EventLoop
import Foundation
import Host
import Model
import Store
import Synchronization
import Testing

@testable import Engine

extension Simulated {
    struct History {
        /// Reads a list slice by slice; also returns the seconds that the longest slice took.
        private func list(
            _ engine: Engine, in state: OperationState? = nil
        ) throws -> (operations: [PodOperation], longest: Double) {
            var operations: [PodOperation] = []
            var after: UInt64 = 0
            var longest = 0.0
            while true {
                let start = ContinuousClock.now
                let slice = try engine.operations(after: after, limit: 1000, in: state)
                longest = max(longest, (ContinuousClock.now - start) / .seconds(1))
                operations += slice.operations
                guard let end = slice.end else { return (operations, longest) }
                after = end
            }
        }

        @Test("operations are listed in the order of acceptance, not of the clients' ids")
        func orderOfCreation() throws {
            let stage = try Stage()
            var accepted: [UID] = []
            for number in 0..<20 {
                let id = UID(high: 0x4000, low: UInt64(100 - number))
                let name = label("p\(number)")
                let spec = PodSpec(hostname: name.text)
                let answer = stage.ask { () throws(Refusal) in
                    try stage.engine.createPod(name, spec, stage.context(id))
                }
                accepted.append(try #require(answer.operation?.id))
                // Some operations end now; the last ones still run when they are listed.
                if number < 10 { _ = stage.eventually { !stage.engine.isOpen(id) } }
            }
            #expect(accepted.first == UID(high: 0x4000, low: 100))
            let (all, _) = try list(stage.engine)
            #expect(all.map(\.id).filter { accepted.contains($0) } == accepted)
            #expect(all.contains { $0.state.hasEnded } && all.contains { !$0.state.hasEnded })
            for state in OperationState.allCases {
                let found = try list(stage.engine, in: state).operations
                #expect(found == all.filter { $0.state == state }, "\(state)")
            }
            _ = stage.eventually { stage.engine.openOperations.isEmpty }
        }

        /// The limit of stored events if STAUNCH_TEST_DEPTH=full.
        private static let count =
            ProcessInfo.processInfo.environment["STAUNCH_TEST_DEPTH"] == "full" ? 100_000 : 5000

        @Test("a long history is read in order and to its end, in short parts")
        func long() throws {
            let count = History.count
            let scratch = try Folder()
            defer { scratch.remove() }
            try plant(count, scratch.path + "/store")
            let engine = try Stage(storeAt: scratch.path + "/store").engine
            let (operations, longest) = try list(engine)
            #expect(operations.map(\.id) == (1...count).map(History.id))
            #expect(longest < 1, "one slice took \(longest) s")
            let failed = try list(engine, in: .failed).operations
            #expect(failed.count == count / 1000)

            var revisions: [UInt64] = []
            while true {
                let some = try engine.events(after: revisions.last ?? 0, limit: 64)
                if some.isEmpty { break }
                revisions += some.map(\.revision)
            }
            #expect(revisions == (1...UInt64(count)).map { $0 })
        }

        /// Ids in no order, and not UUIDv7.
        private static func id(_ number: Int) -> UID {
            UID(high: UInt64(number).byteSwapped, low: UInt64(number))
        }

        private func plant(_ count: Int, _ path: String) throws {
            let store = try Store(path: path)
            let target = Target.pod(PodReference(name: label("web"), uid: History.id(0)))
            for start in stride(from: 1, through: count, by: 1000) {
                var change = StoreChange(revision: UInt64(start + 999))
                for number in start..<start + 1000 {
                    let revision = UInt64(number)
                    var operation = PodOperation(
                        id: History.id(number), kind: .podUpdate,
                        target: target,
                        revision: revision,
                        requester: Requester(pid: 1, uid: 0, gid: 0, command: "test"),
                        createdAt: EngineClock.now, fingerprint: 1)
                    operation.order = revision
                    let state: OperationState = number % 1000 == 7 ? .failed : .succeeded
                    operation.end(state, at: EngineClock.now, Limits())
                    change.operations.append(operation.storeRecord(uptime: 1))
                    let event = Event(
                        revision: revision, time: EngineClock.now, target: target,
                        change: .operation(operation.id, state))
                    change.events.append(
                        EventRecord(revision: revision, document: event.document().bytes))
                }
                try store.commit(change)
            }
        }

        @Test("a reader near the end needs no store; without readers no event is in memory")
        func tail() throws {
            let scratch = try Folder()
            defer { scratch.remove() }
            let stage = try Stage(storeAt: scratch.path + "/store")
            let engine = stage.engine
            _ = try stage.makePod("old")
            let tokens = [engine.followEvents {}, engine.followEvents {}]
            let start = engine.revision
            _ = try stage.makePod("web")
            let events = try engine.events(after: start, limit: 64)
            try engine.registry.state.withLock { state throws(StoreFailure) in
                let stored = try state.store.events(after: start, limit: 64)
                #expect(stored.map(\.revision) == events.map(\.revision))
                #expect(stored.map(\.document) == events.map(\.document))
                _ = try state.store.prune(
                    Retention(
                        operationsKept: 100, operationsSince: 0, tombstonesKept: 100,
                        tombstonesSince: 0, eventsKept: 1))
            }
            #expect(try engine.events(after: start, limit: 64).map(\.document).count > 2)
            #expect(try engine.events(after: start, limit: 2).count == 2)
            #expect(throws: Refusal.eventsExpired(after: start - 1)) {
                try engine.events(after: start - 1, limit: 64)
            }
            engine.cancel(tokens[0])
            #expect(try engine.events(after: start, limit: 2).count == 2)
            engine.cancel(tokens[1])
            #expect(throws: Refusal.eventsExpired(after: start)) {
                try engine.events(after: start, limit: 64)
            }
        }

        @Test("the events in memory are bounded in bytes, and have no gap")
        func tailBound() throws {
            var tail = EventTail(after: 7)
            #expect(tail.events(after: 7, limit: 9)?.isEmpty == true)
            var newest: UInt64 = 7
            for number in 1...2000 {
                let size = number % 97 == 0 ? 70_000 : number % 1000
                let some = (1...(number % 3 + 1)).map { _ in
                    newest += UInt64(number % 5 + 1)
                    return EventRecord(
                        revision: newest, document: [UInt8](repeating: 1, count: size))
                }
                tail.add(some)
                let all = try #require(tail.events(after: tail.floor, limit: .max))
                #expect(all.reduce(0) { $0 + $1.document.count } <= EventTail.limit)
                #expect(tail.events(after: tail.floor - 1, limit: .max) == nil)
                #expect(all.isEmpty ? tail.floor == newest : all.last == some.last)
                for event in all.suffix(4) {
                    let later = try #require(tail.events(after: event.revision, limit: 2))
                    #expect(
                        Array(later) == Array(all.filter { $0.revision > event.revision }.prefix(2))
                    )
                }
            }
        }

        @Test("a commit wakes the followers, and a follower behind the kept events is told so")
        func followers() throws {
            let scratch = try Folder()
            defer { scratch.remove() }
            let stage = try Stage(storeAt: scratch.path + "/store")
            let engine = stage.engine
            let wakes = Atomic(0)
            let token = engine.followEvents { wakes.add(1, ordering: .relaxed) }
            #expect(try engine.events(after: 0, limit: 9).isEmpty)
            _ = try stage.makePod("web")
            let woken = wakes.load(ordering: .relaxed)
            #expect(woken > 0)
            let events = try engine.events(after: 0, limit: 64)
            let last = try #require(events.last?.revision)
            #expect(events.map(\.kind).contains("pod"))
            #expect(try engine.events(after: last, limit: 9).isEmpty)
            engine.cancel(token)
            _ = try stage.makePod("other")
            #expect(wakes.load(ordering: .relaxed) == woken)
            #expect(try !engine.events(after: last, limit: 9).isEmpty)
            try engine.registry.state.withLock { state throws(StoreFailure) in
                _ = try state.store.prune(
                    Retention(
                        operationsKept: 100, operationsSince: 0, tombstonesKept: 100,
                        tombstonesSince: 0, eventsKept: 1))
            }
            for behind in [0, last, engine.revision + 1] {
                #expect(throws: Refusal.eventsExpired(after: behind)) {
                    try engine.events(after: behind, limit: 9)
                }
            }
            #expect(try engine.events(after: engine.revision, limit: 9).isEmpty)
        }
    }
}

extension Engine {
    fileprivate func isOpen(_ id: UID) -> Bool { openOperations.contains(id) }
}

/// A directory on tmpfs for a store.
struct Folder {
    let path = "/dev/shm/staunch-history-\(UUID().uuidString)"

    init() throws {
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: false)
    }

    func remove() {
        do { try FileManager.default.removeItem(atPath: path) } catch { Issue.record("\(error)") }
    }
}
