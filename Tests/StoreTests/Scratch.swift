// What the store's tests share: a directory for each test, and records to store.

import Foundation

@testable import Store

/// A directory on tmpfs that is removed with the test.
final class Scratch {
    let directory: String

    init() throws {
        directory = "/dev/shm/staunch-store-\(UUID().uuidString)"
        try FileManager.default.createDirectory(
            atPath: directory, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: directory) }

    /// Runs a program to its end.
    func system(_ arguments: String..., to output: String? = nil) throws {
        let child = Process()
        if let output {
            _ = FileManager.default.createFile(atPath: output, contents: nil)
            child.standardOutput = FileHandle(forWritingAtPath: output)
            child.standardError = FileHandle.nullDevice
        }
        child.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        child.arguments = arguments
        try child.run()
        child.waitUntilExit()
        guard child.terminationStatus == 0 else { throw CocoaError(.executableLoad) }
    }

    var path: String { directory + "/store" }

    func bytes(_ suffix: String = "") throws -> [UInt8] {
        Array(try Data(contentsOf: URL(fileURLWithPath: path + suffix)))
    }

    func write(_ bytes: [UInt8], _ suffix: String = "") throws {
        try Data(bytes).write(to: URL(fileURLWithPath: path + suffix))
    }
}

func id(_ number: Int) -> RecordID { RecordID(high: 0x0190_0000_0000_7000, low: UInt64(number)) }

func pod(_ number: Int, size: Int = 40) -> PodRecord {
    PodRecord(uid: id(number), name: "pod-\(number)", document: document(number, size))
}

func removal(_ number: Int, endedAt: Int64? = nil, revision: Int? = nil) -> OperationRecord {
    OperationRecord(
        id: id(1_000_000 + number), kind: "pod.delete", removes: true,
        target: RecordTarget(name: "pod-\(number)", uid: id(number)),
        revision: UInt64(revision ?? number), creation: UInt64(number),
        document: document(number, 1200),
        ending: endedAt.map { .init(finishedAt: $0, tombstone: document(-number, 300)) })
}

/// Leads from `id(number)` to the operation of `removal(target)`.
func alias(
    _ number: Int, of target: Int, fingerprint: UInt64 = 0, at time: Int64 = 1
) -> AliasRecord {
    AliasRecord(
        id: id(number), operation: id(1_000_000 + target), fingerprint: fingerprint,
        createdAt: time)
}

extension Store {
    /// At most `limit` ended operations, the latest first: whole ones, then tombstones.
    func endedOperations(newest limit: Int) throws -> [StoredOperation] {
        let ended = try operations(after: 0, limit: .max, bytes: .max, onlyRunning: false)
            .filter { !$0.isRunning }.map(\.stored).reversed()
        let whole = ended.filter { !$0.isTombstone }
        return Array((whole + ended.filter(\.isTombstone)).prefix(limit))
    }
}

func document(_ number: Int, _ size: Int) -> [UInt8] {
    let text = Array("\(number)".utf8)
    return text + [UInt8](repeating: 0x78, count: max(0, size - text.count))
}

func change(_ revision: Int, _ fill: (inout StoreChange) -> Void = { _ in }) -> StoreChange {
    var change = StoreChange(revision: UInt64(revision))
    fill(&change)
    return change
}
