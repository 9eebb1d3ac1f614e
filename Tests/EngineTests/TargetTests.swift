// The targets of operations, between the model, the records and the store.

import Bytes
import Documents
import EventLoop
import Foundation
import Host
import Model
import Store
import Testing

@testable import Engine

extension Simulated {
    struct Targets {
        private static let pod = PodReference(name: label("web"), uid: UID(high: 1, low: 1))

        private static func target(_ kind: Target.Kind) -> Target {
            switch kind {
            case .pod: .pod(pod)
            case .task:
                .task(TaskReference(name: label("app"), uid: UID(high: 1, low: 2), pod: pod))
            case .network:
                .network(NetworkReference(name: label("net"), uid: UID(high: 1, low: 4)))
            case .orphan: .orphan(UID(high: 1, low: 3))
            }
        }

        /// The store tells the kinds apart by its own list, so a new kind must be in that, too.
        @Test("operations of every kind survive the damage of the store")
        func everyKindIsSalvaged() throws {
            let scratch = try Folder()
            defer { scratch.remove() }
            let path = scratch.path + "/store"
            var operations: [UID: PodOperation] = [:]
            do {
                let store = try Store(path: path)
                var change = StoreChange(revision: 100)
                for (index, kind) in OperationKind.allCases.enumerated() {
                    var operation = PodOperation(
                        id: UID(high: 2, low: UInt64(index)), kind: kind,
                        target: Targets.target(kind.target),
                        requester: Requester(pid: 1, uid: 0, gid: 0, command: "test"),
                        createdAt: EngineClock.now, fingerprint: 1)
                    operation.order = UInt64(index + 1)
                    operations[operation.id] = operation
                    change.operations.append(operation.storeRecord(uptime: 1))
                }
                try store.commit(change)
            }
            var file = try Data(contentsOf: URL(fileURLWithPath: path))
            file[0] ^= 0xff
            try file.write(to: URL(fileURLWithPath: path))
            let (store, damage) = try Store.opening(path: path)
            #expect(damage != nil)
            for (id, operation) in operations {
                let stored = try #require(try store.operation(id.recordID), "\(operation.kind)")
                let found = try PodOperation(record: stored.document)
                #expect(found == operation)
            }
        }
    }
}
