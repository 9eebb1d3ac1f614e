// Lists the namespaces that tasks hold by a descriptor, for the audit.

import Bytes
import Kernel
import Linux

enum NamespaceHelper {
    /// Writes one line for each holder: `KIND INODE MADE INHABITED PID DESCRIPTOR POD TASK
    /// COMMAND`. TASK is `-` if there is none. Lines of one namespace are adjacent.
    static func run(
        below parent: String, mark: String?, but others: [String]
    ) throws(SystemCallFailure) -> CInt {
        var text = ""
        let shims = Set(others.compactMap { Int32($0) })
        for hold in Namespaces.held(below: parent, mark: mark, but: shims) {
            let file = hold.file
            let about = "\(file.kind) \(file.inode) \(file.made) \(hold.isInhabited ? 1 : 0)"
            for holder in hold.holders {
                let words = [holder.place.pod, holder.place.task ?? "-"].map(word)
                let command = ProcFS.command(of: holder.pid) ?? "?"
                text += "\(about) \(holder.pid) \(holder.descriptor) \(words[0]) \(words[1]) "
                text += withoutControls(command) + "\n"
            }
        }
        try OwnedDescriptor(adopting: 1).writeAll(Array(text.utf8))
        return 0
    }

    /// A task can choose any cgroup name: a name that is not ours becomes `-`.
    private static func word(_ name: String) -> String {
        let isPlain = name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f }
        return isPlain && !name.isEmpty ? name : "-"
    }

    /// A process can choose any name for itself (prctl(2), PR_SET_NAME).
    private static func withoutControls(_ text: String) -> String {
        String(decoding: text.utf8.map { $0 < 0x20 ? UInt8(ascii: "?") : $0 }, as: UTF8.self)
    }
}
