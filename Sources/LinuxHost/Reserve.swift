// Space in the run directory that is kept for deletes. If the directory is full, it accepts no new
// pod, but still accepts a delete, its end and every exit (law 13).

import Host
import Kernel
import Linux
import Synchronization

final class ReserveFile: Reserve {
    private let path: String
    private let isGivenUp = Atomic(false)

    /// Bytes. A delete writes about ten thousand, and its end frees more than that.
    private static let size: Int64 = 2 << 20

    init(path: String) { self.path = path }

    /// Takes the space, if there is enough and the reserve does not have it yet.
    func hold() {
        ignoring("without room for the reserve there is none; it is tried again with each audit") {
            () throws(SystemCallFailure) in
            if try !Files.exists(path) { try Files.allocate(path, bytes: ReserveFile.size) }
            isGivenUp.store(false, ordering: .relaxed)
        }
    }

    /// Called after a transaction: takes the space back as soon as there is room.
    func takeBack() { if isGivenUp.load(ordering: .relaxed) { hold() } }

    /// Frees the space for the next write. Returns `false` if there was none.
    func giveUp() -> Bool {
        isGivenUp.store(true, ordering: .relaxed)
        do throws(SystemCallFailure) { return try Files.removeFile(path) } catch { return false }
    }
}
