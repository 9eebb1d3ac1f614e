//  The rules for paths. They compare bytes: `/` or `.` with a combining accent is another
//  `Character`, but its first byte is still a separator or a dot to the kernel.

import Bytes

extension Field {
    /// An absolute path of at most 4095 bytes (PATH_MAX with its NUL). It has no `..`, because a
    /// `..` would lead to another place than the path says.
    func path() -> String? {
        guard let text = string() else { return nil }
        if let detail = faultOfPath(text) {
            refuse(detail)
            return nil
        }
        return text
    }

    /// A cgroup's path from the root of each hierarchy, as the kernel writes it (cgroups(7)).
    func cgroupParent() -> String? {
        guard let text = path() else { return nil }
        let names = text.fields("/", keepingEmpty: true).dropFirst()
        guard names.allSatisfy({ !$0.isEmpty && $0 != "." && $0.utf8.count <= 255 }) else {
            refuse("must be a path such as /kubepods/pod1, without '.', '//' or a '/' at its end")
            return nil
        }
        return text
    }

    /// The absolute path of a log file, written in one way only.
    func logPath() -> String? {
        guard let text = path() else { return nil }
        let names = text.fields("/", keepingEmpty: true).dropFirst()
        guard names.allSatisfy({ !$0.isEmpty && $0 != "." && $0.utf8.count <= 255 }) else {
            refuse("must be a path such as /var/log/pods/a/0.log, without '.', '//' or a last '/'")
            return nil
        }
        return text
    }

    /// A path in the task at which a mount is allowed.
    func mountTarget() -> String? {
        guard let text = path() else { return nil }
        let components = pathComponents(text)
        let first = components.first
        if first == nil || first == "proc" || first == "sys" || components == ["dev"] {
            refuse("must not be '/', '/dev', or in '/proc' or '/sys'")
            return nil
        }
        return text
    }
}

private func faultOfPath(_ text: String) -> String? {
    if text.utf8.first != UInt8(ascii: "/") { return "must be an absolute path" }
    if text.utf8.count > 4095 { return "is longer than 4095 bytes" }
    return pathComponents(text).contains("..") ? "leaves its root: '..' is not allowed" : nil
}
