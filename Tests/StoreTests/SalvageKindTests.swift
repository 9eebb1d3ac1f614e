// A salvage checks the kind of each operation's target, and takes none for another.

import Testing

@testable import Store

extension SalvageTests {
    @Suite struct Kinds {
        let scratch: Scratch
        init() throws {
            scratch = try Scratch()
            try Store(path: scratch.path).commit(Removals.change)
        }

        /// The kind of the operation `number` becomes a text of the same length.
        func salvage(
            _ number: Int, _ kind: String, _ damaged: String
        ) throws -> (store: Store, kept: Int?) {
            try #require(kind.utf8.count == damaged.utf8.count)
            var file = try scratch.bytes()
            let mark = id(100 + number).bytes + Array(kind.utf8)
            let start = try #require(file.indices.first { file[$0...].starts(with: mark) })
            file.replaceSubrange(start + 16..<start + mark.count, with: Array(damaged.utf8))
            file[0] ^= 0xff
            try scratch.write(file)
            let (store, damage) = try Store.opening(path: scratch.path)
            return (store, damage?.tables[.operations]?.kept)
        }

        @Test func everyKindIsKept() throws {
            let (store, kept) = try salvage(1, "pod.delete", "pod.delete")
            #expect(kept == Removals.change.operations.count)
            try Removals.check(store)
        }

        /// Words of no kind, and words of another kind, whose rows have other columns.
        @Test(arguments: [
            (2, "pod.delete", "pid.delete"), (2, "pod.delete", "podXdelete"),
            (2, "pod.delete", "task.delet"), (5, "task.delete", "pod.delete "),
            (5, "task.delete", "orphan.dele"), (5, "task.delete", "taxk.delete"),
        ])
        func aRowWhoseKindIsDamagedIsNotKept(number: Int, kind: String, damaged: String) throws {
            let (store, kept) = try salvage(number, kind, damaged)
            #expect(kept == Removals.change.operations.count - 1)
            #expect(try store.operation(id(100 + number)) == nil)
            let pod = try store.removal("pod.delete", of: "web")?.document
            #expect(pod == [number == 2 ? 1 : 2])
            let task = try store.removal("task.delete", of: "app", in: id(2))?.document
            #expect(task == [number == 5 ? 4 : 5])
        }

        /// The owner of a part is another object; any other target is its own owner.
        @Test(arguments: [(2, 2, 77), (5, 2, 21)])
        func aRowWhoseOwnerDoesNotFitItsKindIsNotKept(number: Int, owner: Int, other: Int) throws {
            var file = try scratch.bytes()
            let row = id(100 + number).bytes
            let start = try #require(
                file.indices.first {
                    file[$0...].starts(with: row)
                        && file[($0 + 16)...].prefix(40).contains(UInt8(ascii: "."))
                })
            let place = try #require(
                file[start...].indices.first { file[$0...].starts(with: id(owner).bytes) })
            file.replaceSubrange(place..<place + 16, with: id(other).bytes)
            file[0] ^= 0xff
            try scratch.write(file)
            let (store, damage) = try Store.opening(path: scratch.path)
            #expect(damage?.tables[.operations]?.kept == Removals.change.operations.count - 1)
            #expect(try store.operation(id(100 + number)) == nil)
        }
    }
}
