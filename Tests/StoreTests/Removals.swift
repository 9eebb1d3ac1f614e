// Removals of several kinds with the same names, and how they are found.

import Testing

@testable import Store

enum Removals {
    static func pod(_ uid: Int, _ name: String) -> RecordTarget {
        RecordTarget(name: name, uid: id(uid))
    }

    static func task(_ uid: Int, _ name: String, of pod: Int, _ podName: String) -> RecordTarget {
        RecordTarget(part: name, uid: id(uid), of: podName, ownerUID: id(pod))
    }

    static func operation(
        _ kind: String, _ target: RecordTarget, _ number: Int
    ) -> OperationRecord {
        OperationRecord(
            id: id(100 + number), kind: kind, removes: kind.hasSuffix(".delete"), target: target,
            revision: UInt64(number), creation: UInt64(number), document: [UInt8(number)],
            ending: .init(finishedAt: 1, tombstone: [99]))
    }

    /// The document of each operation is its number.
    static let change: StoreChange = {
        var change = StoreChange(revision: 9)
        change.operations = [
            operation("pod.delete", pod(1, "web"), 1),
            operation("pod.delete", pod(2, "web"), 2),
            operation("pod.delete", pod(3, "db"), 3),
            operation("task.delete", task(20, "app", of: 2, "web"), 4),
            operation("task.delete", task(21, "app", of: 2, "web"), 5),
            operation("pod.stop", pod(2, "web"), 6),
            operation("orphan.remove", pod(22, "22"), 7),
            // A daemon of version 0.1 wrote these kinds.
            operation("stray.remove", pod(23, "23"), 8),
            operation("pod.clear", pod(2, "web"), 9),
        ]
        return change
    }()

    static func check(_ store: Store) throws {
        #expect(try store.removal(ofTarget: id(1))?.document == [1])
        #expect(try store.removal("pod.delete", of: "web")?.document == [2])
        #expect(try store.removal(ofTarget: id(20))?.document == [4])
        #expect(try store.removal("task.delete", of: "app", in: id(2))?.document == [5])
        #expect(try store.removal("task.delete", of: "app", in: id(1)) == nil)
        #expect(try store.removal("task.delete", of: "web") == nil)
        #expect(try store.removal("pod.delete", of: "app", in: id(2)) == nil)
        #expect(try store.removal(ofTarget: id(4)) == nil)
        #expect(try store.lastRemovedUID() == id(21))
    }
}
