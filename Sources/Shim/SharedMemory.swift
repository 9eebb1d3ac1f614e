// The pod's /dev/shm: one file system in memory for all of its tasks, as they share one IPC
// namespace.
//
// It is mounted in the sandbox, and each task has a bind of it. A task may hand a file of it to
// another pod's (SCM_RIGHTS); then it lives on without a mount, with all that it holds, and the pod
// is not gone.

import Linux
import ShimWire

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
        path = settings.sharedMemory
        try Files.makeDirectories(path)
        try Mounts.tmpfs(
            at: path, options: SharedMemory.options, source: "staunch-\(settings.uid)",
            noexec: true)
        device = try Superblocks.device(of: path)
        try Files.replace(settings.sharedMemoryDevice, Array("\(device)".utf8))
    }

    /// Unmounts it. The device, if the file system lives on: somebody holds a file of it. Its
    /// device may be another's as soon as it has gone, so the kernel's word about the end counts.
    func release() throws(SystemCallFailure) -> UInt64? {
        if isMounted {
            watch = UnmountWatch(path)
            try Mounts.unmount(path)
            isMounted = false
        }
        let hasEnded = watch.map { $0.hasEnded } ?? !Superblocks.mayLive(device)
        return hasEnded ? nil : device
    }
}
