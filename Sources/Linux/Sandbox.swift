// What makes a process a sandbox: its namespaces, its mounts, its place in the tree of processes.

import CLinux
import Glibc
import Points

package enum Sandbox {
    /// Gives the calling process, which must have one thread, mount, IPC and UTS namespaces of its
    /// own, and a network namespace with loopback up where `ownNetwork`. Its mounts are slaves of
    /// the host's: nothing comes out, the host's unmounts come in (mount_namespaces(7)).
    package static func enter(
        hostname: String, ownNetwork: Bool
    ) throws(SystemCallFailure) {
        let own = CLINUX_NEWNS | CLINUX_NEWIPC | CLINUX_NEWUTS
        let network = ownNetwork ? CLINUX_NEWNET : 0
        try check(
            effect("sandbox.unshare", [.noMemory, .noSpace]) {
                clinux_unshare(CInt(own | network))
            }, "unshare", "namespaces")
        try check(
            effect("sandbox.slave", .noMemory) { clinux_slave_all_mounts() }, "mount",
            "/ as a slave")
        // SAFETY: the C string lives for the call.
        try check(
            unsafe clinux_sethostname(hostname, hostname.utf8.count), "sethostname", hostname)
        guard ownNetwork else { return }
        try check(
            effect("sandbox.loopback", .descriptor) { clinux_loopback_up() }, "SIOCSIFFLAGS", "lo")
    }

    /// Orphans below the caller become its children (prctl(2), PR_SET_CHILD_SUBREAPER).
    package static func adoptOrphans() throws(SystemCallFailure) {
        try check(clinux_set_subreaper(), "prctl", "PR_SET_CHILD_SUBREAPER")
    }

    /// A small heap and no huge pages: a shim's private memory is the price of a pod.
    package static func keepMemorySmall() {
        clinux_small_heap()
        _ = clinux_disable_huge_pages()
    }
}

package enum Mounts {
    /// An overlay at `target` whose upper layer is never synced (`volatile`: it dies with the
    /// mount). May block on the disks of both layers: for helpers alone.
    package static func overlay(
        lower: String, upper: String, work: String, at target: String
    ) throws(SystemCallFailure) {
        let layers =
            "lowerdir=\(escaped(lower)),upperdir=\(escaped(upper)),workdir=\(escaped(work))"
        // SAFETY: the C strings live for the call.
        try check(
            effect("mount.overlay", .storage) {
                unsafe mount("overlay", target, "overlay", 0, layers + ",volatile")
            }, "mount", "overlay \(target)")
    }

    /// Options are split at commas, and `lowerdir` at colons; a backslash takes that away.
    private static func escaped(_ path: String) -> String {
        let special = Array("\\,:".utf8)
        let text = path.utf8.flatMap { special.contains($0) ? [UInt8(ascii: "\\"), $0] : [$0] }
        return String(decoding: text, as: UTF8.self)
    }

    /// umount2(2) with UMOUNT_NOFOLLOW. May block for as long as the disk likes: for helpers alone.
    package static func unmount(_ target: String) throws(SystemCallFailure) {
        // SAFETY: the C string lives for the call.
        try check(
            effect("mount.unmount", [.inputOutput, .noMemory]) {
                unsafe clinux_umount_nofollow(target)
            }, "umount2", target)
    }

    package static func isOnTmpfs(_ path: String) throws(SystemCallFailure) -> Bool {
        // SAFETY: the C string lives for the call.
        try check(unsafe clinux_filesystem_type(path), "statfs", path) == 0x0102_1994
    }

    /// Whether no program can be run from there.
    package static func isNoexec(_ path: String) throws(SystemCallFailure) -> Bool {
        // SAFETY: the C string lives for the call.
        try check(unsafe clinux_is_noexec(path), "statvfs", path) == 1
    }

    package static func tmpfs(at target: String, options: String) throws(SystemCallFailure) {
        // SAFETY: the C strings live for the call.
        try check(
            effect("mount.tmpfs", .storage) { unsafe clinux_mount_tmpfs(target, options) },
            "mount", "tmpfs \(target)")
    }
}
