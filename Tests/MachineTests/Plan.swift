// The fault that a test causes at a failpoint of the daemon, a shim or a helper. The plan is a page
// of memory that all processes share (Sources/Failpoints/Plan.swift).

import Foundation
import Glibc
import Synchronization

final class Plan: Sendable {
    /// The kinds of processes that the plan is for.
    struct Kinds: OptionSet, Sendable {
        let rawValue: UInt64
        static let daemon = Kinds(rawValue: 1)
        static let shim = Kinds(rawValue: 2)
        static let helper = Kinds(rawValue: 4)
        static let all: Kinds = [.daemon, .shim, .helper]
    }

    enum Action: Equatable, Sendable {
        case kill
        /// The fired process waits to be released.
        case stall
        /// The call fails.
        case fail(errno: Int32)
        /// The fired process waits, and the others wait at their next failpoint.
        case freeze
    }

    /// The process that came to the chosen failpoint.
    struct Fired: CustomStringConvertible {
        let failpoint: String
        let pid: Int32
        let kind: Kinds

        var description: String { "\(failpoint), pid \(pid)" }
    }

    let directory: String
    private let file: FileHandle
    private let number = Atomic<UInt64>(0)

    init(in directory: String) throws {
        self.directory = directory
        try makeDirectory(directory)
        let page = Data(count: Plan.size)
        guard FileManager.default.createFile(atPath: directory + "/plan", contents: page),
            let file = FileHandle(forUpdatingAtPath: directory + "/plan")
        else {
            throw Broken("no plan in \(directory)")
        }
        self.file = file
    }

    /// The variable for the programs that use the plan.
    var environment: [String: String] {
        ProcessInfo.processInfo.environment.merging(["STAUNCH_FAILPOINTS": directory]) { $1 }
    }

    /// Arms failpoint `target`, counted from 1, among the failpoints that `kinds` reach from now
    /// on.
    func arm(_ kinds: Kinds, at target: Int, _ action: Action) throws {
        disarm()
        set(.kinds, kinds.rawValue)
        set(.target, UInt64(target))
        switch action {
        case .kill: set(.action, 1)
        case .stall: set(.action, 2)
        case .fail(let errno):
            set(.action, 3)
            set(.number, UInt64(errno))
        case .freeze: set(.action, 4)
        }
        set(.armed, number.add(1, ordering: .relaxed).newValue)
    }

    /// From now on no process fires, and the waiting ones continue.
    func disarm() { for word in Word.allCases { set(word, 0) } }

    func release() { set(.released, 1) }

    /// The number of failpoints that were reached since the plan was armed.
    var count: Int { Int(word(.count)) }

    var fired: Fired? {
        guard word(.fired) == 2 else { return nil }
        let bytes = (0..<8).flatMap { index in
            (0..<8).map { UInt8(truncatingIfNeeded: word(.name, index) >> (8 * $0)) }
        }
        return Fired(
            failpoint: String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self),
            pid: Int32(word(.pid)), kind: Kinds(rawValue: word(.kind)))
    }

    private static let size = 4096

    /// In the order of Sources/Failpoints/Plan.swift.
    private enum Word: Int, CaseIterable {
        case armed, kinds, target, action, number, count, fired, pid, kind, released, name
    }

    private func set(_ word: Word, _ value: UInt64) {
        var value = value
        // SAFETY: eight bytes are written from an integer of eight.
        let count = unsafe pwrite(file.fileDescriptor, &value, 8, off_t(word.rawValue * 8))
        precondition(count == 8, "the plan cannot be written")
    }

    private func word(_ word: Word, _ index: Int = 0) -> UInt64 {
        var value: UInt64 = 0
        let offset = off_t((word.rawValue + index) * 8)
        // SAFETY: eight bytes are read into an integer of eight.
        let count = unsafe pread(file.fileDescriptor, &value, 8, offset)
        precondition(count == 8, "the plan cannot be read")
        return value
    }
}
