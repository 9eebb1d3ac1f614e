// What lies on a disk and bears our mark, for the sweep.
//
// A directory belongs to one daemon, which is known by its run directory: that stands in an
// attribute of the directory, `trusted.staunch.run-dir` (xattr(7)). Nothing is listed of one that
// is another daemon's, so nothing in it is ever taken for a stray.

import Linux

struct ListHelper {
    let runDirectory: String

    /// One line for each directory: the names in it that may be a pod's uid. A line without any
    /// where there is no such directory, or where it is another's.
    func run(_ directories: [String]) -> CInt {
        let output = OwnedDescriptor(adopting: 1)
        for directory in directories {
            var names: [String] = []
            ignoring("what cannot be listed is not swept, and is looked at again") {
                () throws(SystemCallFailure) in
                guard try Ownership.claim(directory, for: runDirectory) == nil else { return }
                names = try Files.names(in: directory).filter(looksLikeUID)
            }
            var line = Array((names.joined(separator: " ") + "\n").utf8)[...]
            do throws(SystemCallFailure) {
                while !line.isEmpty { line = line.dropFirst(try output.write(line)) }
            } catch { return 1 }
        }
        return 0
    }
}
