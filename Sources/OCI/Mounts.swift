// The mounts of a task besides its rootfs.

import Bytes
import JSON
package import Model

extension RuntimeSpec {
    /// Docker's mounts (moby: daemon/pkg/oci/defaults.go). The pod's tasks share an IPC namespace,
    /// so they share one /dev/mqueue, and one /dev/shm at `sharedMemory`. /sys shows the network
    /// namespace of runc, and also works in the host's.
    static func standardMounts(_ sharedMemory: String, isPrivileged: Bool) -> [Mount] {
        let system = ["nosuid", "noexec", "nodev"] + (isPrivileged ? [] : ["ro"])
        return [
            Mount("/proc", "proc", ["nosuid", "noexec", "nodev"]),
            Mount("/dev", "tmpfs", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
            Mount(
                "/dev/pts", "devpts",
                ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]),
            Mount("/sys", "sysfs", system),
            Mount("/sys/fs/cgroup", "cgroup", system),
            Mount("/dev/mqueue", "mqueue", ["nosuid", "noexec", "nodev"]),
            Mount(
                "/dev/shm", "bind", ["bind", "private", "nosuid", "noexec", "nodev"],
                source: sharedMemory),
        ]
    }

    /// Docker's (moby: daemon/pkg/oci/defaults.go).
    static let maskedPaths = [
        "/proc/asound", "/proc/acpi", "/proc/interrupts", "/proc/kcore", "/proc/keys",
        "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug",
        "/proc/scsi", "/sys/firmware", "/sys/devices/virtual/powercap",
    ]

    static let readOnlyPaths = [
        "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
    ]

    /// Sorts outer targets first, so that no mount hides another.
    package static func inOrder(_ mounts: [MountSpec]) -> [MountSpec] {
        mounts.enumerated()
            .sorted { (depth($0.element), $0.offset) < (depth($1.element), $1.offset) }
            .map(\.element)
    }

    private static func depth(_ spec: MountSpec) -> Int {
        spec.target.fields("/").count
    }

    static func own(_ spec: MountSpec, source: String?) -> Mount {
        switch spec.kind {
        case .bind:
            let access =
                spec.recursiveReadOnly ? ["ro", "rro"] : spec.readOnly ? ["ro"] : ["rw"]
            return Mount(
                spec.target, "bind", ["rbind", "r" + spec.propagation.rawValue] + access,
                source: source)
        case .volume:
            // The options of podman's volumes.
            let options = ["rbind", "rprivate", "nosuid", "nodev", spec.readOnly ? "ro" : "rw"]
            return Mount(spec.target, "bind", options, source: source)
        case .tmpfs(let size):
            // The options of `docker run --tmpfs`, and a mode that lets any user write.
            let options = ["nosuid", "nodev", "noexec", "mode=1777"]
            return Mount(
                spec.target, "tmpfs",
                options + (size.map { ["size=\($0)"] } ?? []) + (spec.readOnly ? ["ro"] : []))
        }
    }
}

/// A file of the pod that all its tasks see.
package struct BoundFile: Equatable, Sendable {
    /// Absolute, in the task.
    package let target: String
    /// Absolute, on the host.
    package let source: String

    package init(target: String, source: String) {
        self.target = target
        self.source = source
    }
}

extension RuntimeSpec {
    static func bound(_ file: BoundFile) -> Mount {
        let options = ["bind", "rprivate", "nosuid", "noexec", "nodev", "ro"]
        return Mount(file.target, "bind", options, source: file.source)
    }

    /// One entry of `mounts`.
    struct Mount: Sendable {
        private let target: String
        private let type: String
        private let source: String
        private let options: [String]

        /// A file system without a source is named after its type, as mount(8) shows it.
        init(_ target: String, _ type: String, _ options: [String], source: String? = nil) {
            self.target = target
            self.type = type
            self.source = source ?? type
            self.options = options
        }

        func write(to writer: inout JSONWriter) {
            writer.beginObject()
            writer.member("destination", target)
            writer.member("type", type)
            writer.member("source", source)
            writer.member("options", options)
            writer.endObject()
        }
    }
}
