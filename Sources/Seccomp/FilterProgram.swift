// A task's seccomp filter as the kernel takes it: a program of BPF instructions, made of
// `linux.seccomp` of the runtime-spec
// (https://github.com/opencontainers/runtime-spec/blob/v1.0.2/config-linux.md#seccomp).
//
// It follows crun's seccomp.c rule for rule, so that a task has the same filter whether crun makes
// it or gets it. If anything in the document is unknown here, there is no program: the runtime then
// makes the filter, or says why it does not.

import JSON
import Linux

/// Why there is no program, for people.
package struct FilterRefusal: Error, Equatable, Sendable, CustomStringConvertible {
    package let description: String

    init(_ description: String) { self.description = description }
}

/// libseccomp takes milliseconds and allocates memory, so only a short-lived process compiles.
package enum FilterProgram {
    /// The most bytes of a program: BPF_MAXINSNS of linux/bpf_common.h, each of 8 bytes.
    package static let limit = 4096 * 8

    /// Compiles `linux.seccomp`.
    package static func compiled(from document: [UInt8]) throws(FilterRefusal) -> [UInt8] {
        let filter: JSONValue
        do throws(JSONFault) { filter = try JSONValue.parse(document) } catch {
            throw FilterRefusal("not JSON: \(error)")
        }
        let standard = try action(filter, "defaultAction", "defaultErrnoRet")
        let rules = try RuleSet(standard)
        for name in filter["architectures"]?.strings ?? [] { try rules.add(architecture: name) }
        for syscall in filter["syscalls"]?.elements ?? [] {
            let action = try action(syscall, "action", "errnoRet")
            // libseccomp refuses a rule that equals the default.
            guard action != standard else { continue }
            guard let names = syscall["names"]?.strings else {
                throw FilterRefusal("a rule without names")
            }
            let conditions = try conditions(of: syscall)
            for name in names { try rules.add(action, name, conditions) }
        }
        return try rules.program()
    }

    /// Whether the bytes can be a program.
    package static func isPlausible(_ bytes: [UInt8]) -> Bool {
        !bytes.isEmpty && bytes.count % 8 == 0 && bytes.count <= limit
    }

    /// SECCOMP_RET_* of seccomp(2). EPERM is the default of the errno.
    private static func action(
        _ node: JSONValue, _ member: String, _ errno: String
    ) throws(FilterRefusal) -> UInt32 {
        let name = node[member]?.string ?? ""
        let given = node[errno]?.integer
        if let plain = plainActions[name] {
            guard given == nil else { throw FilterRefusal("\(errno) for \(name)") }
            return plain
        }
        guard let action = dataActions[name], let data = UInt16(exactly: given ?? 1) else {
            throw FilterRefusal("\(member) \(name) \(given ?? 1)")
        }
        return action | UInt32(data)
    }

    private static let plainActions: [String: UInt32] = [
        "SCMP_ACT_KILL": 0, "SCMP_ACT_KILL_THREAD": 0, "SCMP_ACT_KILL_PROCESS": 0x8000_0000,
        "SCMP_ACT_TRAP": 0x0003_0000, "SCMP_ACT_LOG": 0x7ffc_0000, "SCMP_ACT_ALLOW": 0x7fff_0000,
    ]
    /// The actions whose low 16 bits are a number.
    private static let dataActions: [String: UInt32] = [
        "SCMP_ACT_ERRNO": 0x0005_0000, "SCMP_ACT_TRACE": 0x7ff0_0000,
    ]

    /// The alternatives of a rule's conditions, of which each has to hold as a whole. If conditions
    /// are about the same argument, each of them is an alternative, as in runc and crun.
    private static func conditions(
        of syscall: JSONValue
    ) throws(FilterRefusal) -> [[RuleSet.Condition]] {
        var all: [RuleSet.Condition] = []
        for node in syscall["args"]?.elements ?? [] { try all.append(RuleSet.Condition(node)) }
        let isRepeated = Set(all.map(\.index)).count < all.count
        return isRepeated ? all.map { [$0] } : [all]
    }
}
