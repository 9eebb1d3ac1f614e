// A tmpfs that the tasks of the pod share, such as the pod's /dev/shm.
//
// It is mounted in the sandbox, and each task has a bind mount of it. If a task sends one of its
// files to another pod (SCM_RIGHTS), the tmpfs survives without a mount, with all its content. Then
// the pod is not gone.

import Kernel
import Linux
import ShimProtocol

final class MemoryFileSystem {
    let path: String
    /// The name in messages, such as `/dev/shm`.
    private let name: String
    private let device: UInt64
    private var isMounted = true
    /// Becomes readable when the file system is gone; `nil` if no descriptor was left for it.
    private var watch: UnmountWatch?

    /// Mounts it in the caller's mount namespace, and stores its device for a daemon that finds the
    /// shim dead. If that fails, nothing is mounted.
    init(
        at path: String, named name: String, options: String, source: String, noexec: Bool = false
    ) throws(SystemCallFailure) {
        (self.path, self.name) = (path, name)
        try Files.makeDirectories(path)
        try Mounts.tmpfs(at: path, options: options, source: source, noexec: noexec)
        do throws(SystemCallFailure) {
            device = try Superblocks.device(of: path)
            try Files.replace(ShimSettings.deviceFile(of: path), Array("\(device)".utf8))
        } catch {
            ignoring("it ends with the sandbox") { () throws(SystemCallFailure) in
                try Mounts.unmount(path)
            }
            throw error
        }
    }

    /// The pod's /dev/shm, because the tasks share one IPC namespace. Inodes are charged to
    /// the task, as its pages are.
    static func shared(_ settings: ShimSettings) throws(SystemCallFailure) -> MemoryFileSystem {
        try MemoryFileSystem(
            at: ShimSettings.sharedMemory(in: settings.podDirectory), named: "/dev/shm",
            options: "mode=1777,size=\(settings.shmSize)", source: "staunch-\(settings.uid)",
            noexec: true)
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
        return hasEnded ? nil : Remains(name: name, device: device, isCertain: watch != nil)
    }

    /// An unmounted file system that a process still holds.
    struct Remains {
        let name: String
        let device: UInt64
        /// Whether the device number certainly still belongs to it.
        let isCertain: Bool

        /// Its holders, found by a scan of all processes; `nil` if it is gone.
        var why: String? {
            let why = Superblocks.whyMemoryIsHeld(device, name, isKnownToLive: isCertain)
            return why ?? (isCertain ? "the pod's \(name) is about to go" : nil)
        }
    }
}
