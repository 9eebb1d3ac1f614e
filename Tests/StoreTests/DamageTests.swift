// Files that differ from what was written are reported, never changed, and never cause a crash.

import Foundation
import Testing

@testable import Store

@Suite struct DamageTests {
    let scratch: Scratch
    init() throws {
        scratch = try Scratch()
        let store = try Store(path: scratch.path)
        try store.commit(change(1) { $0.pods = (1...200).map { pod($0, size: 500) } })
    }

    func expectCorrupt(_ what: String) throws {
        let before = try scratch.bytes()
        do throws(StoreFailure) {
            _ = try Store(path: scratch.path)
            Issue.record("\(what): opened")
        } catch {
            guard case .corrupt = error else {
                Issue.record("\(what): \(error)")
                return
            }
        }
        #expect(try scratch.bytes() == before, "\(what): the file was changed")
    }

    @Test(arguments: [1, 50, 99, 100, 1000, 4095, 4096, 9000, 30000])
    func aTruncatedFileIsCorrupt(length: Int) throws {
        let bytes = try scratch.bytes()
        try #require(bytes.count > length)
        try scratch.write(Array(bytes.prefix(length)))
        try expectCorrupt("\(length) bytes")
    }

    @Test func anEmptyFileBesideALogIsCorruptAndTheLogStays() throws {
        try scratch.write([])
        try scratch.write([1, 2, 3], "-wal")
        try expectCorrupt("empty")
        #expect(try scratch.bytes("-wal") == [1, 2, 3])
    }

    @Test(arguments: [0, 16, 100, 4096 * 2, 4096 * 5])
    func anOverwrittenFileIsCorrupt(offset: Int) throws {
        var bytes = try scratch.bytes()
        for index in offset..<offset + 64 { bytes[index] ^= 0xa5 }
        try scratch.write(bytes)
        try expectCorrupt("overwritten at \(offset)")
    }

    @Test func aDatabaseOfSomethingElseIsNotTakenOver() throws {
        try FileManager.default.removeItem(atPath: scratch.path)
        do {
            let other = try Connection(path: scratch.path)
            try other.execute("CREATE TABLE theirs(x)")
        }
        #expect(throws: StoreFailure.corrupt("a database of something else")) {
            _ = try Store(path: scratch.path)
        }
    }

    @Test func aNewerSchemaIsRefused() throws {
        do {
            let other = try Connection(path: scratch.path)
            try other.execute("PRAGMA user_version = 9")
        }
        #expect(throws: StoreFailure.newerSchema(found: 9, known: Schema.version)) {
            _ = try Store(path: scratch.path)
        }
    }
}
