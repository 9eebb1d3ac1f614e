// Mounts, the superblocks below them, and loop devices.
//
// Some resources are not visible. A superblock without a block device (overlay, tmpfs, FUSE) whose
// last mount was detached (MNT_DETACH) is in no table and no directory of /sys. It lives as long as
// a process holds a file of it. If one of our processes does, its descriptor shows a mount number
// that is in no table. A foreign process's descriptor shows it too, but not whose mount it was.
// Mounts in a namespace without a process are not visible either. Such a namespace lives only as a
// descriptor or as a mount, and the mount is in the table. While umount2(2) waits for the disk, the
// mount is already gone from the tables, but the helper that called umount2(2) is visible as a
// process.

import Bytes
import Linux

/// One line of /proc/<pid>/mountinfo.
struct SeenMount {
    let number: UInt64
    let device: String
    let point: [UInt8]
    let type: String
    /// The source and the file system's own options.
    let origin: [ArraySlice<UInt8>]

    init?(_ line: ArraySlice<UInt8>) {
        let fields = line.split(separator: space)
        guard fields.count >= 9, let dash = fields.firstIndex(where: { $0.elementsEqual([45]) }),
            dash + 3 < fields.count,
            let number = UInt64(String(decoding: fields[0], as: UTF8.self))
        else { return nil }
        self.number = number
        device = shown(fields[2])
        point = unescaped(fields[4])
        type = shown(fields[dash + 1])
        origin = [fields[dash + 2]] + fields[dash + 3].split(separator: UInt8(ascii: ","))
    }
}

extension Census {
    /// Adds the mounts of every mount namespace that has a process, each namespace once. An overlay
    /// whose upper layer is ours counts at any mount point, because its options name the layer. A
    /// mount on one of the directories themselves, such as the daemon's tmpfs, does not count: it
    /// belongs to the host, and every new mount namespace has a copy of it.
    mutating func addMounts(_ marks: Marks, _ table: ProcessTable) {
        let roots = marks.roots.map { Array((Path.real($0) ?? $0).utf8) }
        var seen: Set<String> = []
        var numbers: Set<UInt64> = []
        for process in table.all where !process.isZombie {
            // A process sees only mounts below its root.
            guard let namespace = link("/proc/\(process.pid)/ns/mnt"),
                let root = link("/proc/\(process.pid)/root"), !seen.contains(namespace + root),
                let text = bytes("/proc/\(process.pid)/mountinfo")
            else { continue }
            seen.insert(namespace + root)
            for line in text.split(separator: newline) {
                guard let mount = SeenMount(line) else { continue }
                numbers.insert(mount.number)
                if marks.areIn(unescaped(line)) && !roots.contains(mount.point) {
                    add(mount, in: namespace, marks)
                }
            }
        }
        addDetached(table, known: numbers)
    }

    private mutating func add(_ mount: SeenMount, in namespace: String, _ marks: Marks) {
        names.insert("mount \(namespace) \(shown(mount.point)) \(mount.type)")
        // The first of our directories that the options name: an overlay's upper or work directory.
        guard let part = mount.origin.map(unescaped).first(where: marks.areIn) else { return }
        names.insert("superblock \(mount.type) \(mount.device) \(shown(part))")
    }

    /// Adds mounts that are in no table, but that one of our processes keeps alive.
    private mutating func addDetached(_ table: ProcessTable, known: Set<UInt64>) {
        for process in table.ours + table.daemons {
            for held in table.held[process.pid] ?? [] where held.isFile {
                // A cheap look first. By now the number may be a pipe's, whose mount is in no table
                // either: so the second look holds the file itself.
                guard let number = mountNumber("/proc/\(process.pid)/fdinfo/\(held.number)"),
                    !known.contains(number),
                    isDetached("fd/\(held.number)", of: process, known: known, held.target)
                else { continue }
                let who = "\(process.pid) \(process.command)"
                names.insert("detached \(who) descriptor \(held.number) \(shown(held.target))")
            }
            if isDetached("cwd", of: process, known: known) {
                names.insert("detached \(process.pid) \(process.command) directory")
            }
        }
    }

    /// Whether this link in a process's directory of /proc leads to a mount that is in no table. It
    /// is not if the link has another `target` or the process has ended.
    private func isDetached(
        _ name: String, of process: SeenProcess, known: Set<UInt64>, _ target: [UInt8]? = nil
    ) -> Bool {
        do {
            let file = try OwnedDescriptor.path("/proc/\(process.pid)/\(name)")
            let seen = Files.linkTarget("/proc/self/fd/\(file.number)")
            guard target == nil || seen == target,
                let number = mountNumber("/proc/self/fdinfo/\(file.number)")
            else { return false }
            return !known.contains(number) && !isMounted(number, for: process)
        } catch { return false }
    }

    /// Reads the table again, because the mount may be newer than the tables. Of a process that has
    /// ended, nothing is known.
    private func isMounted(_ number: UInt64, for process: SeenProcess) -> Bool {
        guard let table = bytes("/proc/\(process.pid)/mountinfo") else { return true }
        return table.split(separator: newline).contains { SeenMount($0)?.number == number }
    }

    private func mountNumber(_ path: String) -> UInt64? {
        lines(path).lazy.compactMap { $0.after("mnt_id:\t") }.first.flatMap { UInt64($0) }
    }

    /// Adds the loop devices whose backing file is ours, and the file systems on them. /sys/fs has
    /// a directory for each living file system, mounted or not.
    mutating func addLoopDevices(_ marks: Marks) {
        for device in listing(of: "/sys/block") where device.begins(with: "loop") {
            guard let file = bytes("/sys/block/\(device)/loop/backing_file"), marks.areIn(file)
            else { continue }
            names.insert("loop \(device) \(shown(file.dropLast()))")
            for type in listing(of: "/sys/fs") where isThere("/sys/fs/\(type)/\(device)") {
                names.insert("superblock \(type) \(device)")
            }
        }
    }
}

private func isThere(_ path: String) -> Bool {
    do { return try Files.exists(path) } catch { return false }
}
