// unmount, remove and exit: the teardown.

import Bytes
import Kernel
import Linux
import ShimProtocol

extension Shim {
    /// mountinfo omits the mount as soon as umount2(2) has begun. So only the helper's end counts,
    /// and no second helper is started beside it.
    func unmount(_ task: String, id: UInt32) {
        let slot = slot(task)
        endRestarts(slot)
        if slot.isAlive { return reply(id, .stillThere(reason: "the task runs")) }
        if joinsJob(.unmount, of: slot, id: id) { return }
        let target = slot.paths.rootfs
        do throws(SystemCallFailure) {
            // Only this shim mounts here: if it never tried to mount, nothing is mounted.
            if slot.user == nil {
                guard slot.triedToMount, try isMounted(target) else { return reply(id, .done) }
            }
        } catch { return reply(id, stillThere(error)) }
        let (upper, device) = (slot.paths.upper, slot.device)
        startHelper(.unmount, for: slot, id: id) {
            unmounting(target, upper: upper, device: device)
        }
    }

    /// Runs in the helper and returns its result. If the mount is busy, the helper looks for the
    /// holders here, because it can see the mount.
    private func unmounting(_ target: String, upper: String, device: UInt64?) -> [UInt8] {
        var device = device
        do throws(SystemCallFailure) {
            if device == nil { device = try Superblocks.device(of: target) }
            try Mounts.unmount(target)
        } catch {
            // An earlier helper has unmounted it.
            guard error.saysNotMounted else {
                let holders = error.errno == 16 ? MountHolders.of(target) : []  // EBUSY
                let held = holders.isEmpty ? "" : ", held: " + holders.joined(separator: ", ")
                return told(error) + held.utf8
            }
        }
        return superblockHeld(upper, device)
    }

    /// Runs after the unmount. The superblock lives as long as a process holds one of its files. If
    /// so, the result is 2, the device, and the holders.
    private func superblockHeld(_ upper: String, _ device: UInt64?) -> [UInt8] {
        if let device, !Superblocks.mayLive(device) { return [0] }
        do throws(SystemCallFailure) {
            // The upper layer may be on a mount that is missing in this sandbox.
            try Sandbox.enterMounts(hostMounts.number)
            let why = try Superblocks.whyUpperIsHeld(
                upper, device: device, beside: settings.podDirectory)
            guard let why else { return [0] }
            let number = device ?? 0
            return [2] + (0..<8).map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) } + why.utf8
        } catch { return told(error) }
    }

    func unmounted(_ slot: TaskSlot, _ job: Job) {
        let told = job.takeResult()
        if told.first == 2 && told.count > 9 {
            let device = told[1..<9].reversed().reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
            slot.device = device == 0 ? nil : device
            let reason = String(decoding: told[9...], as: UTF8.self)
            return reply(to: job.waiting, .stillThere(reason: reason, errno: 16))
        }
        let answer = answer(job, told)
        if answer == .done {
            slot.device = nil
            slot.user = nil
            slot.triedToMount = false
        }
        reply(to: job.waiting, answer)
    }

    func remove(_ task: String, id: UInt32) {
        let slot = slot(task)
        endRestarts(slot)
        if slot.isAlive || slot.user != nil {
            return reply(id, .stillThere(reason: "the task runs, or its rootfs is mounted"))
        }
        if joinsJob(.remove, of: slot, id: id) { return }
        if hasExecs(slot) {
            _ = endExecs(of: slot)
            return slot.removals.append(id)
        }
        if slot.hasLogHelper {
            // The writer could create the log again after its removal.
            slot.endLogHelpers()
            return slot.removals.append(id)
        }
        do throws(SystemCallFailure) {
            try Cgroup(path: slot.paths.logCgroup, hierarchies: hierarchies).remove()
        } catch { return reply(id, stillThere(error)) }
        let (settings, paths, name) = (settings, slot.paths, slot.name)
        startHelper(.remove, for: slot, id: id) {
            outcome { () throws(SystemCallFailure) in
                try Tree.remove(name, in: settings.dataDirectory)
                try paths.log.removeAll()
                try Tree.remove(name, in: "\(settings.podDirectory)/tasks")
            }
        }
    }

    func removed(_ slot: TaskSlot, _ job: Job) {
        let answer = answer(job)
        if answer == .done { slots[slot.name] = nil }
        reply(to: job.waiting, answer)
    }

    /// A log writer has ended: a removal may have waited for that.
    func writerEnded(_ slot: TaskSlot) {
        let openings = slot.output?.writerEnded() ?? []
        if !openings.isEmpty { openLog(of: slot, ids: openings) }
        advanceRestart(slot)
        logHelperEnded(slot)
    }

    /// Continues the removals that waited for that.
    func logHelperEnded(_ slot: TaskSlot) {
        let waiting = slot.removals
        slot.removals = []
        for id in waiting { remove(slot.name, id: id) }
        goOnWithRemovals()
    }

    /// Continues the removals that waited for a log writer.
    func goOnWithRemovals() {
        let all = removals
        removals = []
        for (id, keepsLogs) in all { removeAll(keepingLogs: keepsLogs, id: id) }
        leaveIfAsked()
    }

    private var hasWriters: Bool {
        !formerWriters.isEmpty || slots.values.contains { $0.hasLogHelper }
            || execs.contains { $0.keeper != nil }
    }

    /// A helper's result: 0 for success; 1, the errno and the failure's text otherwise.
    func outcome(_ body: () throws(SystemCallFailure) -> Void) -> [UInt8] {
        do throws(SystemCallFailure) {
            try body()
            return [0]
        } catch { return told(error) }
    }

    private func told(_ failure: SystemCallFailure) -> [UInt8] {
        [1, UInt8(truncatingIfNeeded: failure.errno)] + failure.description.utf8
    }

    func answer(_ job: Job) -> ShimReply { answer(job, job.takeResult()) }

    private func answer(_ job: Job, _ told: [UInt8]) -> ShimReply {
        switch told.first {
        case 0: return .done
        case nil: return .stillThere(reason: "\(job.kind.rawValue): the helper was killed")
        default:
            return .stillThere(
                reason: String(decoding: told.dropFirst(2), as: UTF8.self),
                errno: Int32(told.dropFirst().first ?? 0))
        }
    }

    func stillThere(_ failure: SystemCallFailure) -> ShimReply {
        .stillThere(reason: failure.description, errno: failure.errno)
    }

    /// Removes the files of the whole pod in a helper. The helper is in the shim's own cgroup, so
    /// that it is found there if the disk blocks it.
    func removeAll(keepingLogs: Bool, id: UInt32) {
        if let removal { return removal.waiting.append(id) }
        if let reason = whatIsLeft() { return reply(id, .stillThere(reason: reason)) }
        if hasWriters {
            // The writer could create the log again after its removal. If the log stays, its end is
            // written.
            for slot in slots.values { slot.endLogHelpers(keepingLog: keepingLogs) }
            return removals.append((id, keepingLogs))
        }
        var remains: [MemoryFileSystem.Remains] = []
        do throws(SystemCallFailure) {
            for memory in memory { if let left = try memory.release() { remains.append(left) } }
        } catch { return reply(id, stillThere(error)) }
        let settings = settings
        let trees = [settings.dataDirectory] + (keepingLogs ? [] : [settings.logDirectory])
        do throws(SystemCallFailure) {
            removal = try helper(.remove, for: id) {
                held(remains)
                    ?? outcome { () throws(SystemCallFailure) in
                        for tree in trees {
                            guard let (parent, name) = tree.cutAtLast("/") else { continue }
                            try Tree.remove(name, in: parent)
                        }
                    }
            }
        } catch { reply(id, .failed(.system, detail: error.description)) }
    }

    /// The reason that the sandbox cannot end yet.
    func whatIsLeft() -> String? {
        for slot in slots.values {
            if slot.isAlive { return "task \(slot.name) runs" }
            if let job = slot.job { return "\(job.kind.rawValue) is under way: pid \(job.pid)" }
            if slot.user != nil { return "the rootfs of \(slot.name) is mounted" }
        }
        if let job = partJob?.job { return "\(job.kind.rawValue) is under way: pid \(job.pid)" }
        return removal.map { "files are being removed: pid \($0.pid)" }
    }

    /// Refuses if anything is left in the sandbox; otherwise the shim's end also ends the
    /// namespaces.
    func exit(id: UInt32) {
        if let reason = whatIsLeft() { return reply(id, .stillThere(reason: reason)) }
        exitRequested = id
        for slot in slots.values { slot.endLogHelpers() }
        leaveIfAsked()
    }

    /// Ends the process when no log writer is left. The reaper is seen to end first, because the
    /// pod's cgroup must then be empty.
    func leaveIfAsked() {
        guard exitRequested != nil, !hasWriters else { return }
        if let reaper { return Children.signal(reaper.pid, 9) }
        endProcess(0)
    }
}
