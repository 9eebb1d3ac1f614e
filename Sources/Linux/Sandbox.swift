// Makes a process a sandbox: its namespaces, its mounts, and its role as the parent of orphans.

import Bytes
import CLinux
import Failpoints
import Glibc
package import Kernel

package enum Sandbox {
    /// Gives the calling process, which must have one thread, its own mount and UTS namespaces, and
    /// an IPC namespace if `ownIPC`. If `ownNetwork`, it also gets a network namespace with
    /// loopback up. Of the host's mounts it keeps the cgroup hierarchies and the mounts that
    /// contain `needed` paths. A copy of any other mount would keep its device busy after the
    /// host's unmount (mount_namespaces(7)).
    package static func enter(
        hostname: String, ownNetwork: Bool, ownIPC: Bool, needed: [String]
    ) throws(SystemCallFailure) {
        let own = CLINUX_NEWNS | CLINUX_NEWUTS | (ownIPC ? CLINUX_NEWIPC : 0)
        let network = ownNetwork ? CLINUX_NEWNET : 0
        try check(
            effect("sandbox.unshare", [.noMemory, .noSpace]) {
                clinux_unshare(CInt(own | network))
            }, "unshare", "namespaces")
        try slaveAllMounts()
        // An unneeded mount is detached before the mounts below it, which go with it, because each
        // detaching call waits for RCU. For those mounts the kernel later returns EINVAL or ENOENT.
        for mount in try MountInfo.current() where !mount.isNeeded(for: needed) {
            let path = mount.mountPointBytes.map { CChar(bitPattern: $0) } + [0]
            // SAFETY: the array lives for the call, and ends with 0.
            _ = effect("sandbox.detach") { unsafe clinux_umount_detach(path) }
        }
        try check(clinux_make_mounts_private(), "mount", "/ as private")
        // SAFETY: the C string lives for the call.
        try check(
            unsafe clinux_sethostname(hostname, hostname.utf8.count), "sethostname", hostname)
        guard ownNetwork else { return }
        try check(
            effect("sandbox.loopback", .descriptor) { clinux_loopback_up() }, "SIOCSIFFLAGS", "lo")
    }

    /// After this, no mount made here propagates to the host, whatever the host shares.
    private static func slaveAllMounts() throws(SystemCallFailure) {
        try check(
            effect("sandbox.slave", .noMemory) { clinux_slave_all_mounts() }, "mount",
            "/ as a slave")
    }

    /// A directory or file of the host, and the place of a copy of its mounts. The copies stay in
    /// the peer groups of the host's.
    package struct SharedSource {
        let path: String
        let place: String

        package init(path: String, place: String) {
            self.path = path
            self.place = place
        }
    }

    /// For a forked child, before it becomes the runtime. Gives it a mount namespace with the
    /// host's current mounts, and with some of the sandbox's mounts at their paths. None of them
    /// propagates to the host except `shared`. The namespace ends with the runtime.
    package static func enterHost(
        _ host: CInt, with mounts: ArraySlice<String>, shared: ArraySlice<SharedSource>
    ) throws(SystemCallFailure) {
        if let path = mounts.first {
            let copy = try Mounts.clone(path)
            try enterHost(host, with: mounts.dropFirst(), shared: shared)
            return try Mounts.attach(copy, at: path)
        }
        try enterMounts(host)
        try leaveHost(with: shared)
    }

    /// A copy that is made before the calling process has its own namespace is a peer of the
    /// host's mount (open_tree(2)); a later one would be a slave.
    private static func leaveHost(
        with shared: ArraySlice<SharedSource>
    ) throws(SystemCallFailure) {
        if let source = shared.first {
            let copy = try Mounts.clone(source.path)
            try leaveHost(with: shared.dropFirst())
            return try Mounts.attach(copy, at: source.place)
        }
        try check(clinux_unshare(CInt(CLINUX_NEWNS)), "unshare", "mount namespace")
        try slaveAllMounts()
    }

    /// Moves the calling process, which must have one thread, into the mount namespace.
    package static func enterMounts(_ namespace: CInt) throws(SystemCallFailure) {
        try check(clinux_enter_mounts(namespace), "setns", "mount namespace")
    }

    /// Moves the calling process, which must have one thread, into the network namespace.
    package static func enterNetwork(_ namespace: CInt) throws(SystemCallFailure) {
        try check(clinux_enter_network(namespace), "setns", "network namespace")
    }

    /// Orphans below the caller become its children (prctl(2), PR_SET_CHILD_SUBREAPER).
    package static func adoptOrphans() throws(SystemCallFailure) {
        try check(clinux_set_subreaper(), "prctl", "PR_SET_CHILD_SUBREAPER")
    }

    /// A small heap and no huge pages, because each pod costs a shim's private memory.
    package static func keepMemorySmall() {
        clinux_small_heap()
        _ = clinux_disable_huge_pages()
    }

    /// Returns unused memory of the heap and of the calling thread's stack to the kernel.
    package static func giveMemoryBack() { clinux_give_memory_back() }
}

extension MountInfo {
    /// Whether one of `paths` is on it, or it is a cgroup hierarchy or below one.
    fileprivate func isNeeded(for paths: [String]) -> Bool {
        isBelow(mountPoint, "/sys/fs/cgroup") || paths.contains { isBelow($0, mountPoint) }
    }
}

/// Whether `path` is `directory` or below it.
private func isBelow(_ path: String, _ directory: String) -> Bool {
    let isRoot = directory.isSame(as: "/")
    return isRoot || path.isSame(as: directory) || path.begins(with: directory + "/")
}

package enum Mounts {
    /// Makes a new overlay on the directory `lower`, not mounted yet. Its upper layer is never
    /// synced (`volatile`), because it is removed with the mount. The paths are resolved in the
    /// caller's mount namespace; the caller's current directory becomes `lower`. May block on the
    /// disks of both layers: only for helpers.
    package static func overlay(
        lower: borrowing OwnedDescriptor, upper: String, work: String
    ) throws(SystemCallFailure) -> OwnedDescriptor {
        try check(fchdir(lower.number), "fchdir", "the lower layer")
        let upperLayer = try OwnedDescriptor.directory(upper)
        let workDirectory = try OwnedDescriptor.directory(work)
        let upperOption = option(upper, upperLayer.number)
        let workOption = option(work, workDirectory.number)
        // SAFETY: the C strings live for the call.
        let made = try check(
            effect("mount.overlay", .storage) { unsafe clinux_overlay(upperOption, workOption) },
            "mount", "overlay \(upper)")
        return OwnedDescriptor(adopting: made)
    }

    /// The path itself if the kernel accepts it. An option has at most 255 bytes; before kernel 6.5
    /// a comma ends it; a backslash escapes. Any other path is replaced by its descriptor's. The
    /// census recognizes an overlay by this option.
    private static func option(_ path: String, _ descriptor: CInt) -> String {
        let isPlain = path.utf8.allSatisfy { byte in
            byte > 0x20 && byte < 0x7f && byte != UInt8(ascii: ",") && byte != UInt8(ascii: "\\")
                && byte != UInt8(ascii: ":")
        }
        return isPlain && path.utf8.count < 256 ? path : "/proc/self/fd/\(descriptor)"
    }

    /// Detaches the mount at `path`, if there is one. For a mount namespace that ends soon.
    package static func detach(_ path: String) {
        // SAFETY: the C string lives for the call.
        _ = effect("mount.detach") { unsafe clinux_umount_detach(path) }
    }

    /// Copies the mount at `path`, not mounted yet: it disappears with the descriptor unless it is
    /// attached (open_tree(2)).
    package static func clone(_ path: String) throws(SystemCallFailure) -> OwnedDescriptor {
        // SAFETY: the C string lives for the call.
        let made = try check(
            effect("mount.clone", .noMemory) { unsafe clinux_clone_mount(path, 1) },
            "open_tree", path)
        return OwnedDescriptor(adopting: made)
    }

    /// Attaches an unattached mount at `target` (move_mount(2)).
    package static func attach(
        _ mount: borrowing OwnedDescriptor, at target: String
    ) throws(SystemCallFailure) {
        let number = mount.number
        // SAFETY: the C string lives for the call.
        try check(
            effect("mount.attach", .noMemory) { unsafe clinux_attach_mount(number, target) },
            "move_mount", target)
    }

    /// Tries to make an overlay that the kernel always refuses: see `Superblocks`. `place` is a
    /// directory on another mount than `upper`.
    static func refusedOverlay(upper: String, at place: String) throws(SystemCallFailure) {
        let upperLayer = try OwnedDescriptor.directory(upper)
        let other = try OwnedDescriptor.directory(place)
        let work = option(place, other.number)
        let layers = "lowerdir=\(work),workdir=\(work),upperdir=\(option(upper, upperLayer.number))"
        // SAFETY: the C strings live for the call.
        try check(
            unsafe mount("overlay", place, "overlay", 0, layers + ",index=on"), "mount", upper)
    }

    /// umount2(2) with UMOUNT_NOFOLLOW. If nothing is mounted there, the failure `saysNotMounted`.
    /// May block as long as the disk does: only for helpers.
    package static func unmount(_ target: String) throws(SystemCallFailure) {
        // SAFETY: the C string lives for the call.
        try check(
            effect("mount.unmount", [.inputOutput, .noMemory]) {
                unsafe clinux_umount_nofollow(target)
            }, "umount2", target)
    }

    package static func isOnTmpfs(_ path: String) throws(SystemCallFailure) -> Bool {
        try fileSystemType(path) == 0x0102_1994
    }

    package static func isOnOverlay(_ path: String) throws(SystemCallFailure) -> Bool {
        try fileSystemType(path) == 0x794c_7630
    }

    /// Whether the file system of `path` certainly can hold an overlay's upper layer: ext4, btrfs
    /// and tmpfs can with any options. xfs depends on its format.
    package static func holdsUpperLayers(_ path: String) throws(SystemCallFailure) -> Bool {
        [0xef53, 0x9123_683e, 0x0102_1994].contains(try fileSystemType(path))
    }

    private static func fileSystemType(_ path: String) throws(SystemCallFailure) -> Int64 {
        // SAFETY: the C string lives for the call.
        try check(unsafe clinux_filesystem_type(path), "statfs", path)
    }

    /// Whether programs there cannot be executed (noexec).
    package static func isNoexec(_ path: String) throws(SystemCallFailure) -> Bool {
        // SAFETY: the C string lives for the call.
        try check(unsafe clinux_is_noexec(path), "statvfs", path) == 1
    }

    /// Mounts a tmpfs with nosuid and nodev. mountinfo shows `source`.
    package static func tmpfs(
        at target: String, options: String, source: String = "staunch", noexec: Bool = false
    ) throws(SystemCallFailure) {
        // SAFETY: the C strings live for the call.
        try check(
            effect("mount.tmpfs", .storage) {
                unsafe clinux_mount_tmpfs(source, target, noexec ? 1 : 0, options)
            }, "mount", "tmpfs \(target)")
    }
}

extension SystemCallFailure {
    /// Whether an unmount found nothing mounted (EINVAL), or no such path (ENOENT).
    package var saysNotMounted: Bool { errno == EINVAL || errno == ENOENT }
}
