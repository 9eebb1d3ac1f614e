// Room that is kept for the way down: a run directory that somebody has filled takes no new pod,
// and takes a delete, its end and every exit all the same (law 13).

import Linux
import Synchronization

final class Reserve: Sendable {
    private let path: String
    private let isGivenUp = Atomic(false)

    /// Bytes: a delete writes some ten thousand, and its end frees more than that.
    private static let size: Int64 = 2 << 20

    init(path: String) { self.path = path }

    /// Takes the room, where there is so much and it is not taken yet.
    func hold() {
        ignoring("without room for the reserve there is none; it is tried again with each audit") {
            () throws(SystemCallFailure) in
            if try !Files.exists(path) { try Files.allocate(path, bytes: Reserve.size) }
            isGivenUp.store(false, ordering: .relaxed)
        }
    }

    /// After a transaction: what was given up is taken back as soon as there is room.
    func takeBack() { if isGivenUp.load(ordering: .relaxed) { hold() } }

    /// Gives it to whoever writes next; `false` where there was none.
    func giveUp() -> Bool {
        isGivenUp.store(true, ordering: .relaxed)
        do throws(SystemCallFailure) { return try Files.removeFile(path) } catch { return false }
    }
}
