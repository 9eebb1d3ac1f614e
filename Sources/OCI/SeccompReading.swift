// Reads containers-common's profile format
// (https://github.com/containers/common/blob/main/pkg/seccomp/types.go). Docker's format and the
// runtime-spec's are parts of it; the runtime-spec's has `architectures` instead of an `archMap`.

import Bytes
import JSON

extension SeccompProfile {
    package init(json: [UInt8]) throws(SeccompFailure) {
        let node: JSONValue
        do throws(JSONFault) { node = try JSONValue.parse(json) } catch {
            throw .malformed("not JSON: \(error)")
        }
        guard let action = node["defaultAction"]?.string, let syscalls = node["syscalls"]?.elements
        else { throw .malformed("no defaultAction, or no syscalls") }
        defaultAction = action
        defaultErrno = try SeccompProfile.errno(of: node, "defaultErrno", "defaultErrnoRet")
        var subArchitectures: [String: [String]] = [:]
        for entry in node["archMap"]?.elements ?? [] {
            guard let token = entry["architecture"]?.string else {
                throw .malformed("archMap without an architecture")
            }
            subArchitectures[token] = entry["subArchitectures"]?.strings ?? []
        }
        if let listed = node["architectures"]?.strings, subArchitectures.isEmpty {
            for token in [Architecture.x86.token, Architecture.arm.token]
            where listed.contains(token) {
                subArchitectures[token] = listed.filter { $0 != token }
            }
        }
        self.subArchitectures = subArchitectures
        guard node["listenerPath"] == nil else {
            throw .malformed("listenerPath is not supported, so no process would answer the calls")
        }
        flags = node["flags"]?.strings ?? []
        var rules: [Rule] = []
        for syscall in syscalls { try rules.append(Rule(syscall)) }
        self.rules = rules
    }
}

extension SeccompProfile.Rule {
    fileprivate init(_ node: JSONValue) throws(SeccompFailure) {
        guard let action = node["action"]?.string,
            let names = node["names"]?.strings ?? node["name"]?.string.map({ [$0] })
        else { throw .malformed("a rule without names or action") }
        self.names = names
        self.action = action
        errno = try SeccompProfile.errno(of: node, "errno", "errnoRet")
        var args: [SeccompProfile.Argument] = []
        for arg in node["args"]?.elements ?? [] { try args.append(SeccompProfile.Argument(arg)) }
        self.args = args
        includes = try SeccompProfile.Condition(node["includes"])
        excludes = try SeccompProfile.Condition(node["excludes"])
    }
}

extension SeccompProfile.Argument {
    fileprivate init(_ node: JSONValue) throws(SeccompFailure) {
        guard let index = try natural(node, "index"), let value = try natural(node, "value"),
            let comparison = node["op"]?.string
        else { throw .malformed("an argument without index, value or op") }
        self.index = index
        self.value = value
        self.comparison = comparison
        valueTwo = try natural(node, "valueTwo") ?? 0
    }
}

extension SeccompProfile.Condition {
    /// If an unknown condition were ignored, its rule would apply too often.
    fileprivate init(_ node: JSONValue?) throws(SeccompFailure) {
        for member in node?.members ?? [] where member.value != .null {
            switch member.name {
            case "arches": arches = member.value.strings ?? []
            case "caps": capabilities = member.value.strings ?? []
            case "minKernel": minKernel = try version(member.value)
            default: throw .malformed("unknown condition \(member.name)")
            }
        }
    }
}

extension SeccompProfile {
    /// Returns the number if it is given; otherwise the name's number, if the name is known here.
    fileprivate static func errno(
        of node: JSONValue, _ name: String, _ number: String
    ) throws(SeccompFailure) -> UInt32? {
        if let given = try natural(node, number) {
            guard let errno = UInt32(exactly: given) else { throw .malformed("\(number) \(given)") }
            return errno
        }
        guard let name = node[name]?.string, !name.isEmpty else { return nil }
        // errno(3)
        let known: [String: UInt32] = ["EPERM": 1, "EACCES": 13, "EINVAL": 22, "ENOSYS": 38]
        guard let errno = known[name] else { throw .malformed("unknown errno \(name)") }
        return errno
    }
}

/// Returns the member, a whole number from 0 on; `nil` if there is none. Refuses numbers that
/// `JSONValue` would round (1.0, or more than 2^63 - 1), as Go refuses 1.0.
private func natural(_ node: JSONValue, _ name: String) throws(SeccompFailure) -> UInt64? {
    switch node[name] {
    case nil, .null: return nil
    case .integer(let number) where number >= 0: return UInt64(number)
    default: throw .malformed("\(name) is no whole number from 0 on")
    }
}

private func version(_ node: JSONValue) throws(SeccompFailure) -> [Int] {
    let parts = (node.string ?? "").fields(".").map { Int($0) }
    let numbers = parts.compactMap(\.self)
    guard !numbers.isEmpty, numbers.count == parts.count else { throw .malformed("minKernel") }
    return numbers
}
