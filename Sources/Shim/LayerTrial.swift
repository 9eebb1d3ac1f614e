// Whether a directory can hold the upper layer of an overlay. Not every file system can (overlay
// itself, NFS, FAT), and the kernel's refusal names none of the layers: so it is asked at the
// daemon's start, and not at the first task's, whose rootfs would be blamed.

import Linux

struct LayerTrial {
    let directory: String

    /// Removed again; what a killed helper has left of it goes with the next trial.
    private static let name = ".trial"
    private static let layers = ["lower", "upper", "work"]

    /// Why it cannot; `nil` if it can, or if that cannot be told now: a full disk is no reason.
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
            // An overlay refuses the layers of a `volatile` one that nobody has unmounted.
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

    /// For people. `refusal` is what the kernel said.
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
