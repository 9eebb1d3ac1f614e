//  The members of a task's spec about the rights of its processes.

import Bytes
import JSON
import Model

extension TaskSpec {
    /// The setter of `privileged` changes the defaults of the members after it.
    static let securityMembers: [Member<TaskSpec>] = [
        privileged,
        .optional("groups", \.security.groups, { $0.security.groups = $1 }, .groups),
        .nullable(
            "groupsFromRootfs", \.security.groupsFromRootfs,
            { $0.security.groupsFromRootfs = $1 }, .bool),
        .optional("umask", \.security.umask, { $0.security.umask = $1 }, .umask),
        .optional("rlimits", \.security.rlimits, { $0.security.rlimits = $1 }, .processLimits),
        .nullable(
            "maskedPaths", \.security.maskedPaths, { $0.security.maskedPaths = $1 },
            .texts { $0.paths() }),
        .nullable(
            "readOnlyPaths", \.security.readOnlyPaths, { $0.security.readOnlyPaths = $1 },
            .texts { $0.paths() }),
        .optional("seccomp", \.security.seccomp, { $0.security.seccomp = $1 }, .seccomp),
        .nullable(
            "apparmor", \.security.apparmor, { $0.security.apparmor = $1 },
            .text { $0.apparmor() }),
        .optional("devices", \.security.devices, { $0.security.devices = $1 }, .devices),
    ]

    static let ambient = Member<TaskSpec>.optional(
        "ambient", \.security.ambientCapabilities, { $0.security.ambientCapabilities = $1 },
        .texts { $0.capabilities() })

    /// A record has the values of the members that the setter would change.
    private static let privileged: Member<TaskSpec> = {
        var member = Member<TaskSpec>.optional(
            "privileged", \.security.isPrivileged, { $0.setPrivileged($1) }, .bool)
        member.restore = { record, spec throws(RecordFault) in
            spec.security.isPrivileged = try record.bool()
        }
        return member
    }()

    /// A privileged task has no filter and no masks unless the request contradicts itself.
    private mutating func setPrivileged(_ isPrivileged: Bool) {
        security.isPrivileged = isPrivileged
        guard isPrivileged else { return }
        security.seccomp = .unconfined
        security.maskedPaths = []
        security.readOnlyPaths = []
    }

    /// A fault for each member that contradicts another one of the task. `place` is the task in the
    /// document.
    func securityFaults(at place: JSONPointer) -> [DocumentFault] {
        var faults: [DocumentFault] = []
        func refuse(_ names: String..., because detail: String) {
            let pointer = names.reduce(place) { $0.appending($1) }
            faults.append(DocumentFault(pointer: pointer, detail: detail))
        }
        for name in security.ambientCapabilities where dropCapabilities.contains(name) {
            refuse("capabilities", "ambient", because: "'\(name)' is in 'drop', too")
        }
        if !compat32, security.seccomp == .unconfined {
            refuse("compat32", because: "can be false only with a filter (seccomp)")
        }
        if security.isPrivileged {
            let why = "contradicts 'privileged': a privileged task "
            if !dropCapabilities.isEmpty {
                refuse("capabilities", "drop", because: why + "has all capabilities")
            }
            if security.seccomp != .unconfined {
                refuse("seccomp", because: why + "has no filter")
            }
            if security.maskedPaths != [] {
                refuse("maskedPaths", because: why + "has none")
            }
            if security.readOnlyPaths != [] {
                refuse("readOnlyPaths", because: why + "has none")
            }
            if let apparmor = security.apparmor, !apparmor.isSame(as: "unconfined") {
                refuse("apparmor", because: why + "has no profile")
            }
        }
        for (index, device) in security.devices.enumerated() {
            guard let mount = mounts.first(where: { device.containerPath.isInside($0.target) })
            else { continue }
            let pointer = place.appending("devices").appending(index).appending("containerPath")
            faults.append(
                DocumentFault(
                    pointer: pointer,
                    detail: "is in the mount at '\(mount.target)', and no device is made there"))
        }
        return faults
    }
}

extension Codec<[TaskGroup]> {
    /// Numbers stay numbers; a text that consists of digits becomes one.
    fileprivate static var groups: Codec {
        Codec(
            read: { $0.groups() },
            write: { groups, writer in
                writer.beginArray()
                for group in groups {
                    switch group {
                    case .number(let number): writer.value(Int64(number))
                    case .name(let name): writer.value(name)
                    }
                }
                writer.endArray()
            },
            restore: { record throws(RecordFault) in
                try record.elements().map { group throws(RecordFault) in
                    guard group.value.integer == nil else {
                        return .number(try group.integer(as: UInt32.self))
                    }
                    return try group.parsed { TaskGroup($0) }
                }
            })
    }
}

extension Codec<UInt32> {
    /// A string of octal digits: JSON has no octal numbers, so the number 22 would be ambiguous.
    fileprivate static var umask: Codec {
        .parsed(
            "a string of octal digits from '0000' to '0777', such as '0022'",
            { text in
                let digits = text.utf8.map { UInt32($0) &- 0x30 }
                guard (1...4).contains(digits.count), digits.allSatisfy({ $0 < 8 }) else {
                    return nil
                }
                let mask = digits.reduce(0) { $0 * 8 + $1 }
                return mask <= 0o777 ? mask : nil
            },
            text: { mask in
                let digits = String(mask, radix: 8)
                return String(repeating: "0", count: max(0, 4 - digits.utf8.count)) + digits
            })
    }
}

extension Codec<TaskSeccomp> {
    fileprivate static var seccomp: Codec {
        Codec(
            read: { $0.seccomp() },
            write: { seccomp, writer in
                switch seccomp {
                case .standard: writer.value("default")
                case .unconfined: writer.value("unconfined")
                case .profile(let path):
                    writer.beginObject()
                    writer.member("path", path)
                    writer.endObject()
                }
            },
            restore: { record throws(RecordFault) in
                if record.value.members != nil {
                    return .profile(path: try record["path"].string())
                }
                return try record.parsed { TaskSeccomp(name: $0) }
            })
    }
}

extension TaskSeccomp {
    fileprivate init?(name: String) {
        switch name {
        case "default": self = .standard
        case "unconfined": self = .unconfined
        default: return nil
        }
    }
}

extension Field {
    fileprivate func groups() -> [TaskGroup]? {
        elements(limit: DocumentLimits.groups)?.compactMap { element in
            if element.value.integer != nil {
                return element.integer(in: 0...Int64(UInt32.max) - 1).map {
                    .number(UInt32(truncatingIfNeeded: $0))
                }
            }
            guard element.value.string != nil else {
                element.refuse("must be a group's number or name, and is \(element.value.kindName)")
                return nil
            }
            return element.parsed("a group's number or name") { TaskGroup($0) }
        }
    }

    fileprivate func paths() -> [String]? {
        elements(limit: DocumentLimits.securedPaths)?.compactMap { $0.path() }
    }

    fileprivate func seccomp() -> TaskSeccomp? {
        guard value.members != nil else {
            guard value.string != nil else {
                refuse(
                    "must be 'default', 'unconfined' or an object with a path, and is "
                        + value.kindName)
                return nil
            }
            return parsed("'default', 'unconfined' or an object with a path") {
                TaskSeccomp(name: $0)
            }
        }
        guard var object = object() else { return nil }
        let path = object.require("path")?.path()
        object.end()
        return path.map { .profile(path: $0) }
    }

    /// A profile's name, such as `docker-default` or `unconfined`.
    fileprivate func apparmor() -> String? {
        parsed("the name of an AppArmor profile, of 1 to 255 bytes without spaces") { text in
            let isName = text.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7f }
            return isName && (1...255).contains(text.utf8.count) ? text : nil
        }
    }
}

extension DocumentLimits {
    /// Additional groups of a task.
    static let groups = 1024
    /// Masked paths of a task, and read-only paths of one.
    static let securedPaths = 256
}
