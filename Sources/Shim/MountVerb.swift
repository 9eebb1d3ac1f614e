// mount: a task's overlay, and who the task runs as.

import Bytes
import Linux
import ShimWire

extension Shim {
    func mount(_ task: String, lower: String, user: String, id: UInt32) {
        let slot = slot(task)
        if let user = slot.user { return reply(id, .mounted(user)) }
        if let job = slot.job {
            guard job.kind == .mount else { return reply(id, busy(job)) }
            return job.waiting.append(id)
        }
        let (paths, again) = (slot.paths, slot.triedToMount)
        slot.triedToMount = true
        startHelper(.mount, for: slot, id: id) { () -> [UInt8] in
            MountHelper.run(paths: paths, lower: lower, user: user, again: again).record()
        }
    }

    /// Starts a helper for a task's job.
    func startHelper(_ kind: Job.Kind, for slot: TaskSlot, id: UInt32, _ body: () -> [UInt8]) {
        do throws(SystemCallFailure) { slot.job = try helper(kind, for: id, body) } catch {
            reply(id, .failed(.system, detail: error.description))
        }
    }

    /// Forks a helper that tells the result of `body` through a pipe. One that removes files does
    /// so in the host's mount namespace, where it sees what the host has mounted below since this
    /// sandbox was made: removed from in here, such a mount point would take its mount along.
    func helper(
        _ kind: Job.Kind, for id: UInt32, _ body: () -> [UInt8]
    ) throws(SystemCallFailure) -> Job {
        let pipe = try Pipe()
        let writing = pipe.writing.number
        let mounts = kind == .remove ? hostMounts.number : -1
        let pid = try forkHelper(keeping: writing, mounts: mounts) {
            let end = OwnedDescriptor(adopting: writing)
            do { return try end.write(body()[...]) >= 0 ? 0 : 1 } catch { return 1 }
        }
        return Job(kind, pid: pid, for: id, result: pipe.intoReading())
    }

    func busy(_ job: Job) -> ShimReply {
        .stillThere(reason: "\(job.kind.rawValue) is under way: pid \(job.pid)")
    }

    func mounted(_ slot: TaskSlot, _ job: Job) {
        switch MountResult.parse(job.takeResult()) {
        case .mounted(let user):
            slot.user = user
            reply(to: job.waiting, .mounted(user))
        case .failed(let fault, let detail):
            reply(to: job.waiting, .failed(fault, detail: detail))
        case nil:
            reply(to: job.waiting, .failed(.interrupted, detail: "the mount helper was killed"))
        }
    }
}

/// What a mount helper tells: a reply in the making.
enum MountResult {
    case mounted(ResolvedUser)
    case failed(ShimFault, String)

    func record() -> [UInt8] {
        switch self {
        case .mounted(let user): ShimMessage.reply(id: 0, .mounted(user)).packet()
        case .failed(let fault, let detail):
            ShimMessage.reply(id: 0, .failed(fault, detail: detail)).packet()
        }
    }

    static func parse(_ record: [UInt8]) -> MountResult? {
        do throws(WireFault) {
            switch try ShimMessage.parse(record) {
            case .reply(_, .mounted(let user)): return .mounted(user)
            case .reply(_, .failed(let fault, let detail)): return .failed(fault, detail)
            case .reply, .exited: return nil
            }
        } catch { return nil }
    }
}

/// What the helper does, in a process of its own: every call here may wait for a disk.
enum MountHelper {
    /// `again` where an earlier helper may have mounted it and not lived to tell.
    static func run(
        paths: TaskPaths, lower: String, user: String, again: Bool
    ) -> MountResult {
        do throws(SystemCallFailure) {
            guard try Files.isDirectory(lower) else {
                return .failed(.rootfsNotDirectory, "\(lower) is not a directory")
            }
        } catch {
            return .failed(
                error.errno == 2
                    ? .rootfsMissing
                    : error.errno == 20
                        ? .rootfsNotDirectory
                        : .mountRefused, error.description)
        }
        do throws(SystemCallFailure) {
            try Files.makeDirectories(paths.rootfs)
            try Files.makeDirectories(paths.upper)
            try Files.makeDirectory(paths.work)
            // The overlay's root shows the upper layer's owner and mode.
            try Files.copyOwnership(from: lower, to: paths.upper)
            if again ? try !isMounted(paths.rootfs) : true {
                try Mounts.overlay(
                    lower: lower, upper: paths.upper, work: paths.work, at: paths.rootfs)
            }
        } catch { return .failed(.mountRefused, error.description) }
        do { return .mounted(try UserLookup(root: paths.rootfs).resolve(user)) } catch {
            return .failed(.userUnknown, error.detail)
        }
    }
}

/// Whether something is mounted at exactly this path, in the caller's mount namespace.
func isMounted(_ path: String) throws(SystemCallFailure) -> Bool {
    try MountInfo.current().contains { $0.mountPoint.isSame(as: path) }
}
