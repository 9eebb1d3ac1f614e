// Paths as they are written.

import Linux

enum Path {
    /// From the root on, with no empty component, no `.` and no `..` in it.
    static func absolute(_ text: String) -> String {
        let whole = text.hasPrefix("/") ? text : (OwnProcess.currentDirectory ?? "") + "/" + text
        var names: [Substring] = []
        for name in whole.split(separator: "/") {
            switch name {
            case ".": break
            case "..": _ = names.popLast()
            default: names.append(name)
            }
        }
        return "/" + names.joined(separator: "/")
    }
}
