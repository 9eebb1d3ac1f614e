// The devices of a task besides the runtime's own: `linux.devices` and the rules of the device
// cgroup (runtime-spec, config-linux.md).

import JSON

/// A device of the host, and its place in a task.
package struct DeviceNode: Equatable, Sendable {
    package enum Kind: String, Sendable {
        case character = "c"
        case block = "b"
    }

    /// Absolute, in the task.
    package let path: String
    package let kind: Kind
    package let major: Int64
    package let minor: Int64
    /// The permission bits.
    package let mode: UInt32
    package let uid: UInt32
    package let gid: UInt32
    /// The letters `r`, `w` and `m`.
    package let access: String

    package init(
        path: String, kind: Kind, major: Int64, minor: Int64, mode: UInt32, uid: UInt32,
        gid: UInt32, access: String
    ) {
        self.path = path
        self.kind = kind
        self.major = major
        self.minor = minor
        self.mode = mode
        self.uid = uid
        self.gid = gid
        self.access = access
    }

    func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("path", path)
        writer.member("type", kind.rawValue)
        writer.member("major", major)
        writer.member("minor", minor)
        writer.member("fileMode", Int64(mode))
        writer.member("uid", UInt64(uid))
        writer.member("gid", UInt64(gid))
        writer.endObject()
    }

    fileprivate func writeRule(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("allow", true)
        writer.member("type", kind.rawValue)
        writer.member("major", major)
        writer.member("minor", minor)
        writer.member("access", access)
        writer.endObject()
    }
}

extension RuntimeSpec {
    /// The rules of the device cgroup. All devices are denied but those of the task; the runtime
    /// appends Docker's list of allowed ones. A privileged task may use all.
    static func deviceRules(
        _ devices: [DeviceNode], isPrivileged: Bool, to writer: inout JSONWriter
    ) {
        writer.key("devices")
        writer.beginArray()
        writer.beginObject()
        writer.member("allow", isPrivileged)
        writer.member("access", "rwm")
        writer.endObject()
        if !isPrivileged { for device in devices { device.writeRule(to: &writer) } }
        writer.endArray()
    }
}
