// Whether a directory can hold the upper layer of an overlay. Some file systems cannot (overlay
// itself, NFS, FAT), and the kernel's error names no layer. So the daemon tries it at startup;
// otherwise the first task's rootfs would be blamed.

import Kernel
import Linux

struct LayerTrial {
    let directory: String

    /// Removed after the trial. If a helper is killed, the next trial removes what it left.
    private static let name = ".trial"
    private static let layers = ["lower", "upper", "work"]

    /// Returns why the directory cannot; `nil` if it can, or if that is unknown now: a full disk is
    /// no reason.
    func refusal() -> SystemCallFailure? {
        var refusal: SystemCallFailure?
        ignoring("what cannot be tried is not refused; a task tells its own failure") {
            () throws(SystemCallFailure) in
            let trial = "\(directory)/\(LayerTrial.name)"
            try Files.makeDirectories(directory)
            let isKnown = try Mounts.holdsUpperLayers(directory)
            if isKnown, try !Files.exists(trial) { return }
            try Files.makeDirectory(trial)
            let lock = try OwnedDescriptor.opening(trial, 0)
            guard try lock.tryLock() else { return }
            // An overlay refuses the layers of a `volatile` overlay that was never unmounted.
            for layer in LayerTrial.layers { try Tree.remove(layer, in: trial) }
            ignoring("what is there of it is removed all the same") {
                () throws(SystemCallFailure) in
                if !isKnown { refusal = try mount(in: trial) }
            }
            try Tree.remove(LayerTrial.name, in: directory)
        }
        return refusal
    }

    private func mount(in trial: String) throws(SystemCallFailure) -> SystemCallFailure? {
        for layer in LayerTrial.layers { try Files.makeDirectory("\(trial)/\(layer)") }
        let lower = try OwnedDescriptor.directory(trial + "/lower")
        do throws(SystemCallFailure) {
            _ = try Mounts.overlay(lower: lower, upper: trial + "/upper", work: trial + "/work")
            return nil
        } catch { return LayerTrial.passing.contains(error.errnoName) ? nil : error }
    }

    private static let passing: Set = ["EINTR", "EIO", "ENOMEM", "ENOSPC", "EROFS", "EDQUOT"]

    /// A message for people. `refusal` is the kernel's error.
    func reason(_ refusal: SystemCallFailure) -> String {
        var isOverlay = false
        ignoring("then the kernel's own words have to do") { () throws(SystemCallFailure) in
            isOverlay = try Mounts.isOnOverlay(directory)
        }
        let why =
            isOverlay
            ? "it lies on an overlay, and none can have its upper layer on another"
            : "its file system cannot hold an overlay's upper layer: \(refusal)"
        return "the data directory \(directory) cannot be used: \(why); choose a --data-dir on "
            + "ext4, xfs, btrfs or tmpfs, or mount one there"
    }
}
