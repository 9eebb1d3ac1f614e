// Lists the directories on a disk that have our mark, for the orphan collector.
//
// A directory belongs to one daemon, identified by its run directory. The directory's attribute
// `trusted.staunch.run-dir` (xattr(7)) contains that path. The helper lists nothing in another
// daemon's directory, so nothing in it is ever taken for an orphan.

import Bytes
import Kernel
import Linux

struct ListHelper {
    let runDirectory: String

    /// Writes one line for each directory: the names in it that may be a pod's uid. The line is
    /// empty if the directory is missing or another daemon's. `places` are a directory, the widest
    /// mode, in octal, that its entries may have, because an older daemon may have left them wider,
    /// and a path: only entries with that path in them are listed.
    func run(_ places: [String]) -> CInt {
        let output = OwnedDescriptor(adopting: 1)
        for index in stride(from: 0, to: places.count, by: 3) {
            let (directory, path) = (places[index], places[index + 2])
            var names: [String] = []
            ignoring("what cannot be listed is not swept, and is looked at again") {
                () throws(SystemCallFailure) in
                guard try Ownership.claim(directory, for: runDirectory) == nil else { return }
                names = try Files.names(in: directory).filter(looksLikeUID)
            }
            guard let mode = UInt32(places[index + 1], radix: 8) else { return 1 }
            for name in names {
                ignoring("it is narrowed with the next look, or gone") {
                    () throws(SystemCallFailure) in
                    try Files.narrow("\(directory)/\(name)", to: mode)
                }
            }
            let listed = path.isSame(as: ".") ? names : names.filter { has($0, path, directory) }
            let line = listed.joined(separator: " ") + "\n"
            do throws(SystemCallFailure) { try output.writeAll(Array(line.utf8)) } catch {
                return 1
            }
        }
        return 0
    }

    private func has(_ name: String, _ path: String, _ directory: String) -> Bool {
        var isThere = false
        ignoring("what cannot be seen is looked for again") { () throws(SystemCallFailure) in
            isThere = try Files.exists("\(directory)/\(name)/\(path)")
        }
        return isThere
    }
}
