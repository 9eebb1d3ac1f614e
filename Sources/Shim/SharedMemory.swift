// The pod's /dev/shm: one file system in memory for all of its tasks, as they share one IPC
// namespace.
//
// It is mounted in the sandbox, and each task has a bind of it. A task may hand a file of it to
// another pod's (SCM_RIGHTS); then it lives on without a mount, with all that it holds, and the pod
// is not gone.

import Linux
import ShimProtocol

final class SharedMemory {
    let path: String
    private let device: UInt64
    private var isMounted = true
    /// Has something to read once the file system has gone; `nil` if there was no descriptor for
    /// it.
    private var watch: UnmountWatch?

    /// Docker's size. The inodes are the task's to pay for, as its pages are.
    private static let options = "mode=1777,size=65536k"

    /// Mounts it in the caller's mount namespace, and writes its device down for a daemon that
    /// finds the shim dead.
    init(_ settings: ShimSettings) throws(SystemCallFailure) {
        path = ShimSettings.sharedMemory(in: settings.podDirectory)
        try Files.makeDirectories(path)
        try Mounts.tmpfs(
            at: path, options: SharedMemory.options, source: "staunch-\(settings.uid)",
            noexec: true)
        device = try Superblocks.device(of: path)
        let file = ShimSettings.sharedMemoryDevice(in: settings.podDirectory)
        try Files.replace(file, Array("\(device)".utf8))
    }

    /// Unmounts it; `nil` if the file system has gone. Its device may be another's as soon as it
    /// has, so the kernel's word about the end counts.
    func release() throws(SystemCallFailure) -> Remains? {
        if isMounted {
            watch = UnmountWatch(path)
            do throws(SystemCallFailure) { try Mounts.unmount(path) } catch {
                // If the directory is removed, the kernel detaches the mount.
                guard error.saysNotMounted else { throw error }
            }
            isMounted = false
        }
        let hasEnded = watch.map { $0.hasEnded } ?? !Superblocks.mayLive(device)
        return hasEnded ? nil : Remains(device: device, isCertain: watch != nil)
    }

    /// A file system that has no mount and that somebody holds.
    struct Remains {
        let device: UInt64
        /// Whether the device is still its own.
        let isCertain: Bool

        /// Who it is, which takes a walk through all processes; `nil` if it has gone.
        var why: String? {
            let why = Superblocks.whyMemoryIsHeld(device, isKnownToLive: isCertain)
            return why ?? (isCertain ? "the pod's /dev/shm is about to go" : nil)
        }
    }
}
