// containers-common's seccomp profile (/usr/share/containers/seccomp.json), and its rules for one
// set of capabilities: `linux.seccomp` of the runtime-spec.
//
// The cost (libseccomp 2.5.4, measured): 434 rules take 2 ms on x86_64 alone, 6 with x86, and 11
// with x32 too. It adds the rules and generates the program once for each ABI. Joining entries or
// omitting argument rules saves almost nothing. So only an ABI that the kernel lacks is omitted, if
// the caller knows that.

import Bytes
import JSON

/// The reason that a profile cannot be used. A profile that is not fully understood is refused,
/// never weakened.
package enum SeccompFailure: Error, Equatable, Sendable, CustomStringConvertible {
    case malformed(String)

    package var description: String {
        switch self {
        case .malformed(let why): why
        }
    }
}

package struct SeccompProfile: Equatable, Sendable {
    /// Go's name of this machine's architecture, as in `arches`, and libseccomp's.
    package struct Architecture: Equatable, Sendable {
        let name: String
        let token: String

        package static let x86 = Architecture(name: "amd64", token: "SCMP_ARCH_X86_64")
        package static let arm = Architecture(name: "arm64", token: "SCMP_ARCH_AARCH64")
    }

    struct Rule: Equatable, Sendable {
        let names: [String]
        let action: String
        let errno: UInt32?
        let args: [Argument]
        let includes: Condition
        let excludes: Condition
    }

    struct Argument: Equatable, Sendable {
        let index: UInt64
        let value: UInt64
        let valueTwo: UInt64
        let comparison: String
    }

    struct Condition: Equatable, Sendable {
        var arches: [String] = []
        var capabilities: [String] = []
        var minKernel: [Int]?
    }

    let defaultAction: String
    let defaultErrno: UInt32?
    /// libseccomp's token, and the ABIs that belong to it.
    let subArchitectures: [String: [String]]
    let rules: [Rule]
    /// SECCOMP_FILTER_FLAG_*, as the runtime-spec has them.
    var flags: [String] = []

    /// `linux.seccomp` for a task with these capabilities.
    ///
    /// - Parameters:
    ///   - capabilities: with `CAP_`.
    ///   - kernel: the running kernel's version, for rules that require one: `[6, 1]`.
    ///   - absent: tokens of ABIs that the kernel lacks, such as `SCMP_ARCH_X32` if the system call
    ///     0x40000000 | getpid fails with ENOSYS. A call of such an ABI then ends the process
    ///     (libseccomp's bad architecture); otherwise the kernel would return ENOSYS. The filter
    ///     permits nothing more, and denies nothing that could have worked.
    package func document(
        capabilities: [String], on architecture: Architecture, kernel: [Int],
        without absent: [String] = []
    ) -> [UInt8] {
        let rules = rules.filter {
            $0.holds(Set(capabilities), architecture.name, kernel) && !isDefault($0)
        }
        let tokens = [architecture.token] + subArchitectures[architecture.token, default: []]
        var writer = JSONWriter(capacity: 8192)
        writer.beginObject()
        writer.member("defaultAction", defaultAction)
        if let defaultErrno { writer.member("defaultErrnoRet", UInt64(defaultErrno)) }
        writer.member("architectures", tokens.filter { !absent.contains($0) })
        if !flags.isEmpty { writer.member("flags", flags) }
        writer.list("syscalls", SeccompProfile.merged(rules)) { $1.write(to: &$0) }
        writer.endObject()
        return writer.finish().bytes
    }

    /// libseccomp refuses, and runc skips, a rule that equals the default.
    private func isDefault(_ rule: Rule) -> Bool {
        rule.action == defaultAction && (rule.errno ?? 1) == (defaultErrno ?? 1)
    }

    /// Joins equal rules without argument conditions, and drops repeated ones. If rules disagree
    /// about a name, the name keeps its position, because the first rule counts.
    static func merged(_ rules: [Rule]) -> [Rule] {
        var verdicts: [String: Set<String>] = [:]
        for rule in rules {
            for name in rule.names { verdicts[name, default: []].insert(rule.verdict) }
        }
        var merged: [Rule] = []
        var places: [String: Int] = [:]
        for rule in rules {
            let isPlain = rule.args.isEmpty && rule.names.allSatisfy { verdicts[$0]?.count == 1 }
            if isPlain, let place = places[rule.verdict] {
                merged[place] = merged[place].adding(rule.names)
            } else if !merged.contains(where: { $0.says(as: rule) }) {
                if isPlain { places[rule.verdict] = merged.count }
                merged.append(rule)
            }
        }
        return merged
    }
}

extension SeccompProfile.Rule {
    var verdict: String { "\(action) \(errno ?? 1)" }

    /// As in containers-common (pkg/seccomp/seccomp_linux.go): the task has every included
    /// capability, and no excluded one.
    func holds(_ capabilities: Set<String>, _ arch: String, _ kernel: [Int]) -> Bool {
        if !includes.arches.isEmpty, !includes.arches.contains(arch) { return false }
        if excludes.arches.contains(arch) { return false }
        if !capabilities.isSuperset(of: includes.capabilities) { return false }
        if !capabilities.isDisjoint(with: excludes.capabilities) { return false }
        if let oldest = includes.minKernel, kernel.lexicographicallyPrecedes(oldest) {
            return false
        }
        guard let oldest = excludes.minKernel else { return true }
        return kernel.lexicographicallyPrecedes(oldest)
    }

    func says(as other: Self) -> Bool {
        names == other.names && verdict == other.verdict && args == other.args
    }

    func adding(_ more: [String]) -> Self {
        let known = Set(names)
        return Self(
            names: names + more.filter { !known.contains($0) }, action: action, errno: errno,
            args: args, includes: includes, excludes: excludes)
    }

    func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("names", names)
        writer.member("action", action)
        if let errno { writer.member("errnoRet", UInt64(errno)) }
        if !args.isEmpty { writer.list("args", args) { $1.write(to: &$0) } }
        writer.endObject()
    }
}

extension SeccompProfile.Argument {
    func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("index", index)
        writer.member("value", value)
        writer.member("valueTwo", valueTwo)
        writer.member("op", comparison)
        writer.endObject()
    }
}
