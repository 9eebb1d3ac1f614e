// Reads containers-common's profile format
// (https://github.com/containers/common/blob/main/pkg/seccomp/types.go).

extension SeccompProfile {
    package init(json: [UInt8]) throws(SeccompFailure) {
        guard let node = NodeReader.read(json) else { throw .malformed("not JSON") }
        guard let action = node["defaultAction"]?.text, let syscalls = node["syscalls"]?.items
        else { throw .malformed("no defaultAction, or no syscalls") }
        defaultAction = action
        defaultErrno = try SeccompProfile.errno(of: node, "defaultErrno", "defaultErrnoRet")
        var subArchitectures: [String: [String]] = [:]
        for entry in node["archMap"]?.items ?? [] {
            guard let token = entry["architecture"]?.text else {
                throw .malformed("archMap without an architecture")
            }
            subArchitectures[token] = entry["subArchitectures"]?.strings ?? []
        }
        self.subArchitectures = subArchitectures
        var rules: [Rule] = []
        for syscall in syscalls { try rules.append(Rule(syscall)) }
        self.rules = rules
    }
}

extension SeccompProfile.Rule {
    fileprivate init(_ node: Node) throws(SeccompFailure) {
        guard let action = node["action"]?.text,
            let names = node["names"]?.strings ?? node["name"]?.text.map({ [$0] })
        else { throw .malformed("a rule without names or action") }
        self.names = names
        self.action = action
        errno = try SeccompProfile.errno(of: node, "errno", "errnoRet")
        args = try (node["args"]?.items ?? []).map(argument)
        includes = try SeccompProfile.Condition(node["includes"])
        excludes = try SeccompProfile.Condition(node["excludes"])
    }
}

extension SeccompProfile.Condition {
    /// A condition that we do not know would be a rule that holds where it should not.
    fileprivate init(_ node: Node?) throws(SeccompFailure) {
        for member in node?.members ?? [] where member.value != .null {
            switch member.key {
            case "arches": arches = member.value.strings ?? []
            case "caps": capabilities = member.value.strings ?? []
            case "minKernel": minKernel = try version(member.value)
            default: throw .malformed("unknown condition \(member.key)")
            }
        }
    }
}

extension SeccompProfile {
    /// The number where there is one; the name alone only where it is known here.
    fileprivate static func errno(
        of node: Node, _ name: String, _ number: String
    ) throws(SeccompFailure) -> UInt32? {
        if let digits = node[number]?.digits {
            guard let errno = UInt32(digits) else { throw .malformed("\(number) \(digits)") }
            return errno
        }
        guard let name = node[name]?.text, !name.isEmpty else { return nil }
        // errno(3)
        let known: [String: UInt32] = ["EPERM": 1, "EACCES": 13, "EINVAL": 22, "ENOSYS": 38]
        guard let errno = known[name] else { throw .malformed("unknown errno \(name)") }
        return errno
    }
}

/// The members that the runtime-spec has, with their digits as they stand.
private func argument(_ node: Node) throws(SeccompFailure) -> Node {
    guard let index = node["index"]?.digits, let value = node["value"]?.digits,
        let operation = node["op"]?.text
    else { throw .malformed("an argument without index, value or op") }
    return [
        "index": .number(index), "value": .number(value),
        "valueTwo": .number(node["valueTwo"]?.digits ?? "0"), "op": .string(operation),
    ]
}

private func version(_ node: Node) throws(SeccompFailure) -> [Int] {
    let parts = (node.text ?? "").split(separator: ".").map { Int($0) }
    let numbers = parts.compactMap(\.self)
    guard !numbers.isEmpty, numbers.count == parts.count else { throw .malformed("minKernel") }
    return numbers
}
