// What a create needs of the host, and no delete does: the shim's program, the seccomp profile and
// the runtime. Values and transitions alone; `RuntimeWatch.swift` looks.

import Linux
import OCI

struct RuntimeStatus: Sendable {
    enum Part: String, CaseIterable, Sendable { case shim, seccomp, runtime }

    /// A part as it was last seen.
    enum Sight<Value: Sendable>: Sendable {
        case unseen
        case usable(Value)
        /// Why not, for people.
        case unusable(String)

        var value: Value? {
            if case .usable(let value) = self { return value }
            return nil
        }
    }

    /// What a task's system calls are held to. A profile that cannot be read is neither of the two.
    enum Filter: Sendable {
        /// The operator wants none.
        case none
        case profile(SeccompCache)
    }

    struct RuntimeFacts: Sendable {
        let file: ProgramFile
        let version: RuntimeVersion
        let hasRecursiveReadOnly: Bool
    }

    /// The shim's program in the run directory.
    var shim = Sight<String>.unseen
    var filter = Sight<Filter>.unseen
    var runtime = Sight<RuntimeFacts>.unseen
    /// The runtime's path when it was last found, usable or not: a delete tries it all the same.
    var runtimePath: String?

    private(set) var isLooking = false
    /// When the last look ended, in nanoseconds since boot.
    private var lookedAt: Int64?
    /// Looks in succession after which no create could be done.
    private var failures = 0
}

extension RuntimeStatus {
    /// Why no create can be done now, by part; those that are usable are not in it.
    var refusals: [(part: Part, why: String)] {
        Part.allCases.compactMap { part in
            let why =
                switch part {
                case .shim: shim.refusal("the shim's program")
                case .seccomp: filter.refusal("the seccomp profile")
                case .runtime: runtime.refusal("the runtime")
                }
            return why.map { (part, $0) }
        }
    }

    /// `nil` if creates can be done.
    var refusal: String? { refusals.first?.why }
}

extension RuntimeStatus.Sight {
    fileprivate func refusal(_ part: String) -> String? {
        switch self {
        case .unseen: "\(part) has not been looked at yet"
        case .usable: nil
        case .unusable(let why): why
        }
    }
}

extension RuntimeStatus {
    /// For a machine in memory: all is well.
    static func inMemory(_ path: String) -> RuntimeStatus {
        guard let version = RuntimeVersion(Array("none version 0".utf8), program: path) else {
            preconditionFailure("no version can be read")
        }
        var status = RuntimeStatus()
        status.shim = .usable("")
        status.filter = .usable(.none)
        status.runtime = .usable(
            RuntimeFacts(
                file: ProgramFile(path: path, marks: ""), version: version,
                hasRecursiveReadOnly: true))
        return status
    }
}

// MARK: - When to look again

extension RuntimeStatus {
    /// Milliseconds between two looks that creates ask for: while all is well, and while they are
    /// refused.
    private static let (calm, urgent): (Int64, Int64) = (5000, 200)
    /// The first pause after a failure, which doubles, and the longest, in milliseconds.
    private static let (firstPause, longestPause): (Int64, Int64) = (250, 30_000)

    /// `false` if somebody looks already.
    mutating func beginLook() -> Bool {
        guard !isLooking else { return false }
        isLooking = true
        return true
    }

    mutating func endLook(at now: Int64) {
        isLooking = false
        lookedAt = now
        failures = refusal == nil ? 0 : failures + 1
    }

    /// Whether a create that comes now is a reason to look again.
    func isDue(at now: Int64) -> Bool {
        guard !isLooking, let lookedAt else { return false }
        let pause = refusal == nil ? RuntimeStatus.calm : RuntimeStatus.urgent
        return now - lookedAt >= pause * 1_000_000
    }

    /// Milliseconds until the next look that nobody asks for, at most `interval` after the last
    /// while all is well; 0 if it is due.
    func pause(_ interval: Int64, at now: Int64) -> Int64 {
        guard let lookedAt, !isLooking else { return isLooking ? RuntimeStatus.firstPause : 0 }
        let doublings = min(max(failures - 1, 0), 16)
        let pause =
            refusal == nil
            ? interval
            : min(RuntimeStatus.firstPause << doublings, RuntimeStatus.longestPause)
        return max(0, pause - (now - lookedAt) / 1_000_000)
    }
}
