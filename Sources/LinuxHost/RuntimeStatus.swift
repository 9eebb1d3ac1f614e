// The parts of the host that a create needs and a delete does not: the shim's program, the seccomp
// profile and the runtime. Only values and transitions; `RuntimeWatch.swift` looks.

import Host
import Kernel
import Linux
import OCI

struct RuntimeStatus: Sendable {
    enum Part: String, CaseIterable, Sendable { case shim, seccomp, runtime }

    /// The last known state of a part.
    enum Sight<Value: Sendable>: Sendable {
        case unseen
        case usable(Value)
        /// Why the part cannot be used, for display.
        case unusable(String)

        var value: Value? {
            if case .usable(let value) = self { return value }
            return nil
        }
    }

    /// The filter of a task's system calls. An unreadable profile is neither of the two cases.
    enum Filter: Sendable {
        /// The operator wants no filter.
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
    /// The path at which the runtime was last found, usable or not. A delete tries it in any case.
    var runtimePath: String?

    private(set) var isLooking = false
    /// When the last look ended, in nanoseconds since boot.
    private var lookedAt: Int64?
    /// The number of consecutive looks after which no create was possible.
    private var failures = 0
}

extension RuntimeStatus {
    /// Why no create is possible now, for each unusable part.
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

    /// The first of the refusals; `nil` if creates are possible.
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

// MARK: - When to look again

extension RuntimeStatus {
    /// Milliseconds between two looks that creates ask for, when all parts are usable and when
    /// creates are refused.
    private static let (calm, urgent): (Int64, Int64) = (5000, 200)
    /// Milliseconds of the first pause after a failure, which then doubles, and of the longest
    /// pause.
    private static let (firstPause, longestPause): (Int64, Int64) = (250, 30_000)

    /// Returns `false` if a look is in progress.
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

    /// Whether a create that comes now has to start a look.
    func isDue(at now: Int64) -> Bool {
        guard !isLooking, let lookedAt else { return false }
        let pause = refusal == nil ? RuntimeStatus.calm : RuntimeStatus.urgent
        return now - lookedAt >= pause * 1_000_000
    }

    /// Milliseconds until the next periodic look, at most `interval` after the last if all parts
    /// are usable; 0 if it is due.
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
