// Makes a shim reachable again if its lock, its socket, or the whole directory was removed.

import Kernel
import Linux
import ShimProtocol

extension Shim {
    /// The daemon did not find the shim (SIGHUP). The new lock is locked before it gets its name,
    /// because a daemon takes an unlocked lock for a dead shim.
    func showAgain() {
        ignoring("the daemon asks again") { () throws(SystemCallFailure) in
            let home = settings.podDirectory
            try Files.makeDirectories(home + "/tasks")
            try Files.makeDirectories(home + "/runtime")
            if try !Files.exists(home + "/lock") { try lockAgain(home) }
            let made = try PacketSocket.listening(
                as: "shim.sock", in: try OwnedDescriptor.directory(home))
            try epoll.add(made.descriptor.number, .readable, tag: Watched.listener.tag)
            listener = made
            listensAgainAt = nil
        }
    }

    private func lockAgain(_ home: String) throws(SystemCallFailure) {
        let draft = home + "/lock.new"
        let made = try OwnedDescriptor.opening(draft, 0o102, mode: 0o600)  // O_RDWR | O_CREAT
        guard try made.tryLock() else { return }
        try Files.rename(draft, to: home + "/lock")
        // The first lock stays open: its descriptor distinguishes a shim from its helpers.
        laterLock = .some(consume made)
    }
}
