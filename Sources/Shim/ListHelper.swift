// Lists the directories on a disk that have our mark, for the orphan collector.
//
// A directory belongs to one daemon, identified by its run directory. The directory's attribute
// `trusted.staunch.run-dir` (xattr(7)) contains that path. The helper lists nothing in another
// daemon's directory, so nothing in it is ever taken for an orphan.

import Kernel
import Linux

struct ListHelper {
    let runDirectory: String

    /// Writes one line for each directory: the names in it that may be a pod's uid. The line is
    /// empty if the directory is missing or another daemon's. `pairs` are a directory and the
    /// widest mode, in octal, that its entries may have: an older daemon may have left them wider.
    func run(_ pairs: [String]) -> CInt {
        let output = OwnedDescriptor(adopting: 1)
        for index in stride(from: 0, to: pairs.count, by: 2) {
            let directory = pairs[index]
            var names: [String] = []
            ignoring("what cannot be listed is not swept, and is looked at again") {
                () throws(SystemCallFailure) in
                guard try Ownership.claim(directory, for: runDirectory) == nil else { return }
                names = try Files.names(in: directory).filter(looksLikeUID)
            }
            guard let mode = UInt32(pairs[index + 1], radix: 8) else { return 1 }
            for name in names {
                ignoring("it is narrowed with the next look, or gone") {
                    () throws(SystemCallFailure) in
                    try Files.narrow("\(directory)/\(name)", to: mode)
                }
            }
            let line = names.joined(separator: " ") + "\n"
            do throws(SystemCallFailure) { try output.writeAll(Array(line.utf8)) } catch {
                return 1
            }
        }
        return 0
    }
}
