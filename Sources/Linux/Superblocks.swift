// An overlay that has no mount any more lives on for as long as somebody holds a file of it: a
// descriptor that a task has sent to another pod's (SCM_RIGHTS), or a copy of its mount.

import Bytes
import CLinux
import Failpoints
import Glibc

package enum Superblocks {
    /// The device of what is mounted there. For helpers: it may ask the file system.
    package static func device(of path: String) throws(SystemCallFailure) -> UInt64 {
        let directory = try OwnedDescriptor.directory(path)
        if let found = DeviceSight(directory.number) { return found.device }
        throw SystemCallFailure(call: "statx", subject: path, errno: errno)
    }

    /// Whether some superblock has this device (ustat(2)); `true` where the kernel cannot say. The
    /// number may be another's by now: then `isUpper(_:inUseBeside:)` tells them apart.
    package static func mayLive(_ device: UInt64) -> Bool {
        clinux_ustat(device) == 0 || errno != EINVAL
    }

    /// Why the overlay of this upper layer is not gone, though it has no mount in this namespace
    /// any more; `nil` if it is gone. `device` is its own, if that is known.
    package static func whyUpperIsHeld(
        _ upper: String, device: UInt64?, beside: String
    ) throws(SystemCallFailure) -> String? {
        if let device, !mayLive(device) { return nil }
        let holders = holders(upper: upper, device: device)
        // Without a device a holder may be another overlay's: then the kernel decides.
        if holders.isEmpty || device == nil {
            guard try isUpper(upper, inUseBeside: beside) else { return nil }
        }
        return "the overlay of \(upper) has no mount and is held: \(shown(holders))"
    }

    /// Whether an overlay lives whose upper layer this is. The kernel marks the directory for as
    /// long as its superblock lives, and refuses it to another overlay that has an index (EBUSY);
    /// this one is refused in any case, because its work directory is on another mount: `beside`
    /// names one. The kernel logs a line, so it is asked only if all else leaves a doubt.
    package static func isUpper(
        _ upper: String, inUseBeside beside: String
    ) throws(SystemCallFailure) -> Bool {
        guard try Files.exists(upper) else { return false }
        do { try Mounts.refusedOverlay(upper: upper, at: beside) } catch {
            return error.errno == EBUSY
        }
        try Mounts.unmount(beside)
        return false
    }

    /// Why the tmpfs of this device is not gone, though the pod has no mount of it any more; `nil`
    /// if it is gone, or if `isKnownToLive` is false and nobody is seen to hold it: then the device
    /// may be another's by now.
    package static func whyMemoryIsHeld(_ device: UInt64, isKnownToLive: Bool) -> String? {
        guard mayLive(device) else { return nil }
        let holders = holders(upper: nil, device: device)
        if holders.isEmpty && !isKnownToLive { return nil }
        return "the pod's /dev/shm has no mount and is held: \(shown(holders))"
    }

    private static func shown(_ holders: [String]) -> String {
        holders.isEmpty
            ? "by nobody that shows it in /proc: perhaps in a socket's queue"
            : holders.joined(separator: ", ")
    }

    /// Who holds the overlay of this upper layer, which has no mount of its own any more: in words,
    /// at most `limit` of them. Without an upper layer it is a tmpfs, with the device. A descriptor
    /// that is in a socket's queue is not to be seen.
    package static func holders(
        upper: String?, device: UInt64?, atMost limit: Int = 4
    ) -> [String] {
        var (found, namespaces): ([String], Set<[UInt8]>) = ([], [])
        var mounts = kernelMount()
        let pids = names("/proc").compactMap { Int32($0) }
        for pid in pids {
            guard let namespace = Files.linkTarget("/proc/\(pid)/ns/mnt"),
                namespaces.insert(namespace).inserted
            else { continue }
            for mount in mounted(pid) {
                mounts.insert(mount.id)
                if let upper, mount.superOptions.fields(",").contains("upperdir=\(upper)") {
                    found.append("\(who(pid)) by a mount at \(mount.mountPoint)")
                }
            }
        }
        for pid in pids where found.count < limit {
            for way in ways(of: pid) where isDetached(way.path, mounts, device) {
                found.append("\(who(pid)) by its \(way.name)")
            }
        }
        return Array(found.prefix(limit))
    }

    /// The kernel's own mount for memory that has no path (memfd_create(2), shared mappings): it
    /// stands in no table either.
    private static func kernelMount() -> Set<String> {
        let number = clinux_memfd()
        guard number >= 0 else { return [] }
        let memory = OwnedDescriptor(adopting: number)
        return MountHolders.mountID(ofOpen: memory.number).map { [$0] } ?? []
    }

    private static func mounted(_ pid: Int32) -> [MountInfo] {
        do { return try MountInfo.of("\(pid)") } catch { return [] }
    }

    private static func names(_ directory: String) -> [String] {
        do { return try Files.names(in: directory) } catch { return [] }
    }

    private static func ways(of pid: Int32) -> [(name: String, path: String)] {
        ["cwd", "root", "exe"].map { ($0, "/proc/\(pid)/\($0)") }
            + names("/proc/\(pid)/fd").map { ("descriptor \($0)", "/proc/\(pid)/fd/\($0)") }
    }

    /// Whether it leads to a mount that no table has, of an overlay that may be the one. A file of
    /// an overlay may show a device of its layer's own; a directory shows the overlay's.
    private static func isDetached(
        _ path: String, _ mounts: Set<String>, _ device: UInt64?
    ) -> Bool {
        // Not a socket, a pipe or the like: those have no path.
        guard Files.linkTarget(path)?.first == UInt8(ascii: "/") else { return false }
        do {
            let file = try OwnedDescriptor.opening(path, clinux_o_path)
            guard let mount = MountHolders.mountID(ofOpen: file.number), !mounts.contains(mount),
                let sight = DeviceSight(file.number), sight.isAnonymous
            else { return false }
            return device == nil || !sight.isDirectory || sight.device == device
        } catch { return false }
    }

    /// `pid 4121 (sh) of pod 0192…`.
    private static func who(_ pid: Int32) -> String {
        let name = "pid \(pid) (\(ProcFS.command(of: pid) ?? "?"))"
        let parts = (ProcFS.cgroups(of: pid) ?? []).flatMap { $0.fields("/") }
        guard let pod = parts.first(where: looksLikeUID) else { return name }
        return name + " of pod \(pod)"
    }
}

/// 36 bytes, with hyphens where a UUID has them.
package func looksLikeUID(_ name: String) -> Bool {
    let bytes = Array(name.utf8)
    return bytes.count == 36 && [8, 13, 18, 23].allSatisfy { bytes[$0] == UInt8(ascii: "-") }
        && !bytes.contains(UInt8(ascii: " "))
}

/// What statx(2) says of an open file, without asking a server (AT_STATX_DONT_SYNC).
private struct DeviceSight {
    let device: UInt64
    let isDirectory: Bool

    init?(_ number: CInt) {
        var (device, mode): (UInt64, UInt32) = (0, 0)
        // SAFETY: both are written before the call returns.
        guard unsafe clinux_device(number, &device, &mode) == 0 else { return nil }
        self.device = device
        isDirectory = mode & S_IFMT == S_IFDIR
    }

    /// Major 0: no block device.
    var isAnonymous: Bool { device >> 8 & 0xfff == 0 }
}
