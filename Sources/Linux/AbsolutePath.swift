// Makes paths absolute.

import Bytes

package enum Path {
    /// The path from the root, without empty components, `.` and `..`.
    package static func absolute(_ text: String) -> String {
        let whole = text.begins(with: "/") ? text : (OwnProcess.currentDirectory ?? "") + "/" + text
        var names: [String] = []
        for name in whole.fields("/") {
            switch name {
            case ".": break
            case "..": _ = names.popLast()
            default: names.append(name)
            }
        }
        return "/" + names.joined(separator: "/")
    }

    /// The same path without links, as far as its directories exist.
    package static func resolved(_ path: String) -> String {
        var (head, tail) = (path, "")
        while head != "/" {
            if let real = real(head) { return (real == "/" ? "" : real) + tail }
            guard let (parent, name) = head.cutAtLast("/") else { return path }
            (head, tail) = (parent.isEmpty ? "/" : parent, "/\(name)\(tail)")
        }
        return tail.isEmpty ? "/" : tail
    }

    /// The same directory without links in its path; `nil` if there is none.
    package static func real(_ directory: String) -> String? {
        do {
            let found = try OwnedDescriptor.directory(directory)
            return Files.linkTarget("/proc/self/fd/\(found.number)")
                .map { String(decoding: $0, as: UTF8.self) }
        } catch { return nil }
    }
}
