// An unmounted overlay lives on while a process holds one of its files: through a descriptor that a
// task sent to another pod (SCM_RIGHTS), or a copy of its mount.

import Bytes
import CLinux
import Failpoints
import Glibc
package import Kernel

package enum Superblocks {
    /// The device of the mount there. Only for helpers: it may ask the file system.
    package static func device(of path: String) throws(SystemCallFailure) -> UInt64 {
        let directory = try OwnedDescriptor.directory(path)
        if let found = DeviceSight(directory.number) { return found.device }
        throw SystemCallFailure(call: "statx", subject: path, errno: errno)
    }

    /// Whether a superblock has this device (ustat(2)); `true` if the kernel cannot tell. The
    /// number may have been reused: `isUpper(_:inUseBeside:)` distinguishes that.
    package static func mayLive(_ device: UInt64) -> Bool {
        clinux_ustat(device) == 0 || errno != EINVAL
    }

    /// The reason that the overlay of this upper layer still lives, although it has no mount in
    /// this namespace; `nil` if it is gone. `device` is the overlay's, if that is known.
    package static func whyUpperIsHeld(
        _ upper: String, device: UInt64?, beside: String
    ) throws(SystemCallFailure) -> String? {
        if let device, !mayLive(device) { return nil }
        let holders = holders(upper: upper, device: device)
        // If the device is unknown, a holder may be another overlay's: then the kernel decides.
        if holders.isEmpty || device == nil {
            guard try isUpper(upper, inUseBeside: beside) else { return nil }
        }
        return "the overlay of \(upper) has no mount and is held: \(shown(holders))"
    }

    /// Whether an overlay with this upper layer is alive. The kernel marks the directory while its
    /// superblock lives, and refuses it to another overlay with an index (EBUSY). So this
    /// function tries to make one. That always fails, because its work directory is on another
    /// mount, `beside`. The kernel logs a line for it, so this is the last resort.
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

    /// The reason that the pod's tmpfs of this device still lives, although it is unmounted;
    /// `nil` if it is gone. Also `nil` if `isKnownToLive` is false and no holder is seen, because
    /// the device number may have been reused.
    package static func whyMemoryIsHeld(
        _ device: UInt64, _ name: String, isKnownToLive: Bool
    ) -> String? {
        guard mayLive(device) else { return nil }
        // If the number may have been reused, a mount with it proves nothing.
        let mounts = isKnownToLive ? mounts(of: device) : []
        let holders = mounts + holders(upper: nil, device: device)
        if holders.isEmpty && !isKnownToLive { return nil }
        return "the pod's \(name) has no mount and is held: \(shown(holders))"
    }

    private static func shown(_ holders: [String]) -> String {
        holders.isEmpty
            ? "by no process that /proc shows: perhaps in a socket's queue"
            : holders.joined(separator: ", ")
    }

    /// The mounts of the device in all namespaces, in words; at most `limit`. A task with a shared
    /// mount can make one on the host.
    private static func mounts(of device: UInt64, atMost limit: Int = 4) -> [String] {
        let shown = "\(device >> 8 & 0xfff):\(device & 0xff | device >> 12 & 0xffff_ff00)"
        var (found, namespaces): ([String], Set<[UInt8]>) = ([], [])
        for pid in names("/proc").compactMap({ Int32($0) }) where found.count < limit {
            guard let namespace = Files.linkTarget("/proc/\(pid)/ns/mnt"),
                namespaces.insert(namespace).inserted
            else { continue }
            found += mounted(pid).filter { $0.device.isSame(as: shown) }
                .map { "\(who(pid)) by a mount at \($0.mountPoint)" }
        }
        return Array(found.prefix(limit))
    }

    /// The holders of the unmounted overlay of this upper layer, in words, at most `limit`. If
    /// `upper` is `nil`, it is a tmpfs, identified by the device. A descriptor in a socket's queue
    /// is invisible.
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
            // Its root and program are on detached mounts of the run directory. A task may have
            // the name, too: the kernel then says whether the overlay lives.
            if upper != nil, ProcFS.command(of: pid) == "staunch-reaper" { continue }
            for way in ways(of: pid)
            where isDetached(way.path, mounts, device, isOverlay: upper != nil) {
                found.append("\(who(pid)) by its \(way.name)")
            }
        }
        return Array(found.prefix(limit))
    }

    /// The kernel's internal mount for memory without a path (memfd_create(2), shared mappings),
    /// which no mount table contains.
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

    /// Whether the path leads to a mount that is in no table and may be the overlay's. A file of an
    /// overlay may show its layer's device; a directory shows the overlay's.
    private static func isDetached(
        _ path: String, _ mounts: Set<String>, _ device: UInt64?, isOverlay: Bool
    ) -> Bool {
        // Sockets, pipes and the like have no path.
        guard Files.linkTarget(path)?.first == UInt8(ascii: "/") else { return false }
        do {
            let file = try OwnedDescriptor.opening(path, clinux_o_path)
            guard let mount = MountHolders.mountID(ofOpen: file.number), !mounts.contains(mount),
                let sight = DeviceSight(file.number), sight.isAnonymous
            else { return false }
            // An overlay's files, but not its directories, may have the device of a layer.
            return device == nil || sight.device == device || isOverlay && !sight.isDirectory
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

/// 36 bytes, with hyphens at the positions of a UUID's.
package func looksLikeUID(_ name: String) -> Bool {
    let bytes = Array(name.utf8)
    return bytes.count == 36 && bytes[14] == UInt8(ascii: "7")
        && !bytes.contains(where: (UInt8(ascii: "A")...UInt8(ascii: "F")).contains)
        && [8, 13, 18, 23].allSatisfy { bytes[$0] == UInt8(ascii: "-") }
        && !bytes.contains(UInt8(ascii: " "))
}

/// The result of statx(2) for an open file, without asking a server (AT_STATX_DONT_SYNC).
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

    /// Major number 0: not a block device.
    var isAnonymous: Bool { device >> 8 & 0xfff == 0 }
}
