// Everything that a run makes on the machine and removes at its end: a directory, a root file
// system, and names for cgroups. Every name contains the run's own pid.

import Kernel
import Linux

final class Stage: Sendable {
    let name: String
    let home: String
    /// The cgroup below which all pods are placed.
    let cgroupParent: String

    var rootfs: String { home + "/rootfs" }
    var runDirectory: String { home + "/run" }
    var dataDirectory: String { home + "/data" }
    var logDirectory: String { home + "/log" }
    var socket: String { runDirectory + "/staunch.sock" }

    init(below directory: String) throws(RunFailure) {
        name = "staunch-churn-\(OwnProcess.pid)"
        home = "\(directory)/\(name)"
        cgroupParent = "/" + name
        // A socket's path has at most 107 bytes.
        guard socket.utf8.count <= 107 else {
            throw RunFailure("--dir \(directory): too long for a socket's path")
        }
        do { try makeRootfs() } catch {
            putAway()
            throw RunFailure("\(error)")
        }
    }

    private func makeRootfs() throws(SystemCallFailure) {
        for directory in ["bin", "etc", "tmp"] {
            try Files.makeDirectories("\(rootfs)/\(directory)", mode: 0o755)
        }
        let busybox = Program.find("busybox") ?? "busybox"
        try Files.copy(busybox, to: rootfs + "/bin/busybox", mode: 0o755)
        for applet in ["sh", "sleep", "true", "false", "cat", "dd", "echo", "yes", "head"] {
            try Files.makeLink("\(rootfs)/bin/\(applet)", to: "busybox")
        }
        try Files.replace(
            rootfs + "/etc/passwd", Array("root:x:0:0:root:/:/bin/sh\n".utf8), mode: 0o644)
    }

    /// Removes the rest: processes in our cgroups, the daemon's tmpfs, cgroups and files.
    func putAway() {
        ignoring("what cannot be removed is seen by the next run's census") {
            () throws(SystemCallFailure) in
            let cgroup = Cgroup(path: cgroupParent, hierarchies: try Cgroups.hierarchies())
            _ = wait(atMost: 10) { Stage.clear(cgroup) }
        }
        unmountBelow()
        ignoring("as above") { () throws(SystemCallFailure) in
            try Tree.remove(name, in: Files.parent(of: home) ?? "/")
        }
    }

    /// Kills and removes the cgroup; returns whether nothing of it is left in any hierarchy.
    static func clear(_ cgroup: Cgroup) -> Bool {
        do {
            if try !cgroup.processes().isEmpty { try cgroup.kill() }
            try cgroup.remove()
            return try cgroup.directories().isEmpty
        } catch { return false }
    }

    /// Unmounts the daemon's tmpfs and podman's mounts, the deepest first.
    private func unmountBelow() {
        ignoring("mountinfo can always be read") { () throws(SystemCallFailure) in
            let points = try MountInfo.current().map(\.mountPoint)
            for point in points.filter({ $0.hasPrefix(home + "/") }).sorted(by: >) {
                ignoring("a mount that is busy stays, and so does its directory") {
                    () throws(SystemCallFailure) in try Mounts.unmount(point)
                }
            }
        }
    }
}
