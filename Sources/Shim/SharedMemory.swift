// The pod's /dev/shm: one tmpfs for all of its tasks, because they share one IPC namespace.
//
// It is mounted in the sandbox, and each task has a bind mount of it. If a task sends one of its
// files to another pod (SCM_RIGHTS), the tmpfs survives without a mount, with all its content. Then
// the pod is not gone.

import Kernel
import Linux
import ShimProtocol

final class SharedMemory {
    let path: String
    private let device: UInt64
    private var isMounted = true
    /// Becomes readable when the file system is gone; `nil` if no descriptor was left for it.
    private var watch: UnmountWatch?

    /// Docker's size. Inodes are charged to the task, as its pages are.
    private static let options = "mode=1777,size=65536k"

    /// Mounts it in the caller's mount namespace, and stores its device for a daemon that finds the
    /// shim dead.
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

    /// Unmounts it; `nil` if the file system is gone. After that the device number may be reused,
    /// so only the kernel's event is certain.
    func release() throws(SystemCallFailure) -> Remains? {
        if isMounted {
            watch = UnmountWatch(path)
            do throws(SystemCallFailure) { try Mounts.unmount(path) } catch {
                // If the directory was removed, the kernel has detached the mount.
                guard error.saysNotMounted else { throw error }
            }
            isMounted = false
        }
        let hasEnded = watch.map { $0.hasEnded } ?? !Superblocks.mayLive(device)
        return hasEnded ? nil : Remains(device: device, isCertain: watch != nil)
    }

    /// An unmounted file system that a process still holds.
    struct Remains {
        let device: UInt64
        /// Whether the device number certainly still belongs to it.
        let isCertain: Bool

        /// Its holders, found by a scan of all processes; `nil` if it is gone.
        var why: String? {
            let why = Superblocks.whyMemoryIsHeld(device, isKnownToLive: isCertain)
            return why ?? (isCertain ? "the pod's /dev/shm is about to go" : nil)
        }
    }
}
