// The parts of the host that a create needs and a delete does not: the shim's program, the seccomp
// profile and the runtimes. Only values and transitions; `RuntimeWatch.swift` looks.

import Bytes
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

    struct SeenRuntime: Sendable {
        let name: String
        /// The path at which the runtime was last found, usable or not. A delete tries it in any
        /// case. Before it was found, the program of the settings.
        var path: String
        var sight = Sight<RuntimeFacts>.unseen

        /// Why it cannot be used; `nil` if it can.
        var refusal: String? { sight.refusal("the runtime '\(name)'") }
    }

    struct RuntimeFacts: Sendable {
        let file: ProgramFile
        let version: RuntimeVersion
        let hasRecursiveReadOnly: Bool
    }

    /// The shim's program in the run directory.
    var shim = Sight<String>.unseen
    var filter = Sight<Filter>.unseen
    /// The runtimes of the settings, the default first.
    var runtimes: [SeenRuntime]

    private(set) var isLooking = false
    /// When the last look ended, in nanoseconds since boot.
    private var lookedAt: Int64?
    /// The number of consecutive looks after which some part was not usable.
    private var failures = 0

    init(_ runtimes: [RuntimeChoice]) {
        self.runtimes = runtimes.map { SeenRuntime(name: $0.name, path: $0.program) }
    }
}

extension RuntimeStatus {
    /// Why no create with the default runtime is possible now; `nil` if one is.
    var refusal: String? { refusal(of: nil) }

    /// Why no create with this runtime is possible now; `nil` if one is. `nil` means the
    /// default.
    func refusal(of name: String?) -> String? {
        if let why = shim.refusal("the shim's program") ?? filter.refusal("the seccomp profile") {
            return why
        }
        guard let name else { return runtimes[0].refusal }
        guard let runtime = runtime(name) else {
            let names = runtimes.map { "'\($0.name)'" }.joined(separator: ", ")
            return "the runtime '\(name)' is not in the daemon's settings, which have \(names)"
        }
        return runtime.refusal
    }

    /// What a usable runtime has told; `nil` means the default.
    func facts(of name: String?) -> RuntimeFacts? {
        (name.map { runtime($0) } ?? runtimes[0])?.sight.value
    }

    private func runtime(_ name: String) -> SeenRuntime? {
        runtimes.first { $0.name.isSame(as: name) }
    }

    /// Whether the part can be used, for each part and runtime.
    var usableParts: [(part: Part, runtime: String, isUsable: Bool)] {
        [(.shim, "", shim.value != nil), (.seccomp, "", filter.value != nil)]
            + runtimes.map { (.runtime, $0.name, $0.refusal == nil) }
    }

    private var isWhole: Bool { usableParts.allSatisfy(\.isUsable) }
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
    /// Milliseconds between two looks that creates ask for, when the create's parts are usable and
    /// when the create is refused.
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
        failures = isWhole ? 0 : failures + 1
    }

    /// Whether a create with this runtime that comes now has to start a look.
    func isDue(at now: Int64, for runtime: String? = nil) -> Bool {
        guard !isLooking, let lookedAt else { return false }
        let pause = refusal(of: runtime) == nil ? RuntimeStatus.calm : RuntimeStatus.urgent
        return now - lookedAt >= pause * 1_000_000
    }

    /// Milliseconds until the next periodic look, at most `interval` after the last if all parts
    /// are usable; 0 if it is due.
    func pause(_ interval: Int64, at now: Int64) -> Int64 {
        guard let lookedAt, !isLooking else { return isLooking ? RuntimeStatus.firstPause : 0 }
        let doublings = min(max(failures - 1, 0), 16)
        let pause =
            isWhole
            ? interval
            : min(RuntimeStatus.firstPause << doublings, RuntimeStatus.longestPause)
        return max(0, pause - (now - lookedAt) / 1_000_000)
    }
}

extension RuntimeInfo {
    init(_ seen: RuntimeStatus.SeenRuntime, hasMountAttributes: Bool) {
        self.init(name: seen.name, path: seen.path)
        refusal = seen.refusal
        guard let facts = seen.sight.value else { return }
        program = facts.version.name
        version = facts.version.version
        commit = facts.version.commit
        recursiveReadOnly = hasMountAttributes && facts.hasRecursiveReadOnly
        refusesHybrid = facts.version.name == "crun"
    }
}
