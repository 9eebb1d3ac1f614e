// A process of the runtime-spec as a program that we start ourselves
// (https://github.com/opencontainers/runtime-spec/blob/v1.0.2/config.md#process).
//
// The runtime would get the same document. If anything in it is unknown here, there is
// no program, and the runtime starts the process.

import Bytes
import JSON
package import Kernel
package import Model

/// What a runtime does with a process, as far as that is not in the document.
package struct ProgramRules {
    private let runtime: Known

    private enum Known: String { case runc, crun }

    /// `nil` for a runtime that is unknown here.
    package init?(runtime name: String) {
        guard let known = Known(rawValue: name) else { return nil }
        runtime = known
    }

    /// - Parameters:
    ///   - document: the process without `rlimits`.
    ///   - limits: those of the process (`RuntimeSpec.processLimits`). The largest number is none
    ///     that `JSONValue` can read.
    ///   - container: the container's id.
    package func program(
        _ document: [UInt8], _ limits: [ProcessLimit], _ container: String
    ) -> TaskProgram? {
        do throws(JSONFault) {
            guard let members = try JSONValue.parse(document).members else { return nil }
            // runc's exec joins the session keyring of the task, and crun's does not.
            let keyring = runtime == .runc ? "_ses." + container : ""
            var program = TaskProgram([], environment: [], keyring: keyring)
            for member in members where !program.take(member) { return nil }
            for limit in limits where !program.take(limit) { return nil }
            let isNamed = !program.arguments.isEmpty && program.directory.begins(with: "/")
            return isNamed ? program : nil
        } catch { return nil }
    }

    /// Whether the runtime makes the same filter of this `linux.seccomp` as we do.
    ///
    /// For calls that are newer than the profile, runc returns ENOSYS before the profile is asked,
    /// unless the profile permits everything by default. A default of ENOSYS does the same.
    package func knows(filter document: [UInt8]) -> Bool {
        do throws(JSONFault) {
            guard let filter = try JSONValue.parse(document).members else { return false }
            let known = ["defaultAction", "defaultErrnoRet", "architectures", "syscalls"]
            guard filter.allSatisfy({ known.contains($0.name) }) else { return false }
            if runtime == .crun { return true }
            func value(_ name: String) -> JSONValue? { filter.first { $0.name == name }?.value }
            switch value("defaultAction")?.string {
            case "SCMP_ACT_ALLOW"?: return true
            case "SCMP_ACT_ERRNO"?: return value("defaultErrnoRet")?.integer == 38  // ENOSYS
            default: return false
            }
        } catch { return false }
    }
}

extension TaskProgram {
    /// Returns `false` if the member is unknown.
    fileprivate mutating func take(_ member: JSONMember) -> Bool {
        let value = member.value
        switch member.name {
        case "terminal": return value.bool == false
        case "args": return assign(value.strings, to: \.arguments)
        case "env":
            // The runtimes disagree about an empty HOME.
            if value.strings?.contains("HOME=") ?? true { return false }
            return assign(value.strings, to: \.environment)
        case "cwd": return assign(value.string, to: \.directory)
        case "noNewPrivileges": return assign(value.bool, to: \.noNewPrivileges)
        case "oomScoreAdj":
            oomScore = value.integer.flatMap { Int32(exactly: $0) }
            return oomScore != nil
        case "user": return take(user: value)
        case "capabilities": return take(capabilities: value)
        default: return false
        }
    }

    private mutating func assign<Value>(
        _ value: Value?, to member: WritableKeyPath<TaskProgram, Value>
    ) -> Bool {
        guard let value else { return false }
        self[keyPath: member] = value
        return true
    }

    private mutating func take(user: JSONValue) -> Bool {
        for member in user.members ?? [] {
            let number = member.value.integer.flatMap { UInt32(exactly: $0) }
            switch member.name {
            case "uid": uid = number ?? .max
            case "gid": gid = number ?? .max
            case "umask": umask = number ?? .max
            case "additionalGids":
                groups = (member.value.elements ?? []).map {
                    $0.integer.flatMap { UInt32(exactly: $0) } ?? .max
                }
            default: return false
            }
        }
        // 4294967295 is not an id (setuid(2)).
        return user.members != nil && ([uid, gid] + groups).allSatisfy { $0 != .max }
            && umask <= 0o777
    }

    private mutating func take(capabilities: JSONValue) -> Bool {
        var effective: UInt64 = 0
        for member in capabilities.members ?? [] {
            guard let set = TaskProgram.set(member.value.strings) else { return false }
            switch member.name {
            case "bounding": bounding = set
            case "permitted": permitted = set
            case "effective": effective = set
            case "inheritable": inheritable = set
            case "ambient": ambient = set
            default: return false
            }
        }
        return effective == permitted
    }

    /// `nil` if one of the names is unknown.
    private static func set(_ names: [String]?) -> UInt64? {
        guard let names else { return nil }
        var set: UInt64 = 0
        for name in names {
            guard let number = Capabilities.all.firstIndex(where: { name == "CAP_" + $0 })
            else { return nil }
            set |= 1 << UInt64(number)
        }
        return set
    }

    fileprivate mutating func take(_ limit: ProcessLimit) -> Bool {
        guard let number = ProcessLimit.types.firstIndex(of: limit.type) else { return false }
        limits.append(Limit(resource: Int32(number), soft: limit.soft, hard: limit.hard))
        return true
    }
}
