// What lies on a disk and bears our mark, for the sweep.
//
// A directory belongs to one daemon, which is known by its run directory: that stands in an
// attribute of the directory, `trusted.staunch.run-dir` (xattr(7)). Nothing is listed of one that
// is another daemon's, so nothing in it is ever taken for an orphan.

import Linux

struct ListHelper {
    let runDirectory: String

    /// One line for each directory: the names in it that may be a pod's uid. A line without any
    /// where there is no such directory, or where it is another's. `pairs` are a directory and the
    /// mode that each of those may have at most, in octal: an older daemon may have left it wider.
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
