// Finds the holders of a busy mount.
//
// Used only after umount2(2) failed with EBUSY. Everything is opened with O_PATH, so no file system
// gets a request, not even a dead NFS server's.

import Bytes
import CLinux

package enum MountHolders {
    /// Holders in words, such as `pid 4121 (sh) by its cwd`; at most `limit` of them. Empty if no
    /// holder was seen: it has let go meanwhile.
    package static func of(_ target: String, atMost limit: Int = 4) -> [String] {
        guard let mount = mountID(target) else { return [] }
        var found = mountsOn(target, mount)
        for pid in pids() where found.count < limit {
            if let way = hold(of: pid, on: mount) {
                found.append("pid \(pid) (\(ProcFS.command(of: pid) ?? "?")) by its \(way)")
            }
        }
        return Array(found.prefix(limit))
    }

    /// How the process holds the mount; `nil` if it does not.
    private static func hold(of pid: Int32, on mount: String) -> String? {
        for way in ["cwd", "root", "exe"] where mountID("/proc/\(pid)/\(way)") == mount {
            return way
        }
        for number in names("/proc/\(pid)/fdinfo")
        where recorded("/proc/\(pid)/fdinfo/\(number)") == mount { return "descriptor \(number)" }
        return nil
    }

    /// The mounts on top of it.
    private static func mountsOn(_ target: String, _ mount: String) -> [String] {
        do {
            return try MountInfo.current().filter { $0.parentID == mount }
                .map { "a mount at \($0.mountPoint)" }
        } catch { return [] }
    }

    private static func pids() -> [Int32] { names("/proc").compactMap { Int32($0) } }

    private static func names(_ directory: String) -> [String] {
        do { return try Files.names(in: directory) } catch { return [] }
    }

    /// The mount of a path, or of the target of a link of /proc.
    private static func mountID(_ path: String) -> String? {
        do {
            let file = try OwnedDescriptor.opening(path, clinux_o_path)
            return mountID(ofOpen: file.number)
        } catch { return nil }
    }

    static func mountID(ofOpen number: CInt) -> String? { recorded("/proc/self/fdinfo/\(number)") }

    private static func recorded(_ fdinfo: String) -> String? {
        do {
            let lines = try Files.text(fdinfo).fields("\n")
            return lines.lazy.compactMap { $0.after("mnt_id:\t") }.first
        } catch { return nil }
    }
}
