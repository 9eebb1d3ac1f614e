// update: changes the limits and the restarts of a living task, wholly or not at all.
//
//   due ──────> writing ──────> (made: the document of the next attempts is in its place)
//                  └──────────> returning ──> (refused: the former values are in the files)
//
//   due:       * another job of the task is under way
//   writing:   * a helper writes, because the kernel may write memory out before it lowers a limit
//              * the shim knows what each file contained before
//   returning: * a write was refused, or the helper was killed
//              * another helper writes the former values, last file first, until they are there
//
// The helper is the task's job, so no attempt begins while the files change: an attempt has either
// all of the old values or all of the new ones. A delete ends the update at any time.

import Bytes
import Kernel
import Linux
import ShimProtocol

struct UpdateState {
    let update: WireUpdate
    /// The requests to answer at its end.
    var ids: [UInt32]
    /// `nil` while it is due.
    var files: [UpdatedFile]?
    /// Why nothing is to change; `nil` while the new values are written.
    var refusal: String?
    /// How often a helper has failed to write the former values.
    var failures = 0
    /// A stop has come: the task's limits end with it.
    var isCalledOff = false
}

/// A control file that changes.
struct UpdatedFile {
    let path: String
    let write: ControlWrite
    let text: String
    let former: String
}

extension Shim {
    func update(_ task: String, _ update: WireUpdate, id: UInt32) {
        guard let slot = slots[task] else {
            return reply(id, .failed(.notRunning, detail: "the task has not been made"))
        }
        if slot.lastUpdate?.isSame(as: update.id) ?? false {
            removeNextConfiguration(slot)
            return reply(id, .done)
        }
        if let known = slot.update {
            guard known.update.id.isSame(as: update.id) else {
                return reply(id, .stillThere(reason: "another update is under way"))
            }
            slot.update?.ids.append(id)
            return advanceUpdate(slot)
        }
        let isRestarting =
            slot.restarts?.next != nil
            || slot.job?.kind == .create && slot.restarts?.isRestart ?? false
        guard slot.isAlive || isRestarting else {
            return reply(id, .failed(.notRunning, detail: "the task has ended"))
        }
        guard !(slot.isAlive && slot.stop != nil) else {
            return reply(id, .failed(.interrupted, detail: "the task is being stopped"))
        }
        slot.update = UpdateState(update: update, ids: [id])
        advanceUpdate(slot)
    }

    /// Goes on as far as possible: after a request, and after the end of any job.
    func advanceUpdate(_ slot: TaskSlot) {
        guard let state = slot.update, slot.job == nil else { return }
        if state.isCalledOff {
            return endUpdate(slot, .failed(.interrupted, detail: "a stop came in between"))
        }
        if state.refusal != nil { return writeFormer(slot) }
        guard state.files == nil else { return }
        do throws(SystemCallFailure) {
            let files = try UpdatedFiles(cgroup(of: slot), hierarchies).find(state.update.writes)
            slot.update?.files = files
            if files.isEmpty { return makeUpdate(slot) }
            slot.job = try helper(.update, for: 0) { writing(files) }
        } catch { endUpdate(slot, .failed(.system, detail: error.description)) }
    }

    /// A stop has been requested. It does not wait for the kernel.
    func callOffUpdate(_ slot: TaskSlot) {
        guard slot.update != nil else { return }
        slot.update?.isCalledOff = true
        if let job = slot.job, job.kind == .update { job.kill() } else { advanceUpdate(slot) }
    }

    /// The helper has ended.
    func updated(_ slot: TaskSlot, _ job: Job) {
        guard slot.update != nil else { return }
        let answer = answer(job)
        guard slot.update?.refusal == nil else {
            if answer == .done { return refuseUpdate(slot) }
            slot.update?.failures += 1
            let why = if case .stillThere(let reason, _) = answer { reason } else { "" }
            // The daemon shows the reason, and asks again.
            return answerUpdate(slot, .stillThere(reason: "the former limits: \(why)"))
        }
        switch answer {
        case .done: makeUpdate(slot)
        case .stillThere(let reason, _): slot.update?.refusal = reason
        default: slot.update?.refusal = "no result"
        }
    }

    /// All files have the new values: the next attempts get them, too.
    private func makeUpdate(_ slot: TaskSlot) {
        guard let update = slot.update?.update else { return }
        do throws(SystemCallFailure) {
            if try Files.exists(slot.paths.nextConfiguration) {
                try Files.rename(slot.paths.nextConfiguration, to: slot.paths.configuration)
            }
        } catch {
            slot.update?.refusal = error.description
            return advanceUpdate(slot)
        }
        slot.lastUpdate = update.id
        if let restart = update.restart { changeRestarts(slot, restart) }
        endUpdate(slot, .done)
    }

    private func writeFormer(_ slot: TaskSlot) {
        guard let state = slot.update, let files = state.files, !files.isEmpty else {
            return refuseUpdate(slot)
        }
        // After a failure the next request tries again.
        guard state.failures == 0 || !state.ids.isEmpty else { return }
        do throws(SystemCallFailure) {
            slot.job = try helper(.update, for: 0) { writingFormer(files) }
        } catch {
            slot.update?.failures += 1
            answerUpdate(slot, .stillThere(reason: "the former limits: \(error)"))
        }
    }

    private func refuseUpdate(_ slot: TaskSlot) {
        endUpdate(slot, .failed(.system, detail: slot.update?.refusal ?? "no result"))
    }

    private func answerUpdate(_ slot: TaskSlot, _ answer: ShimReply) {
        let ids = slot.update?.ids ?? []
        slot.update?.ids = []
        reply(to: ids, answer)
    }

    private func endUpdate(_ slot: TaskSlot, _ answer: ShimReply) {
        removeNextConfiguration(slot)
        answerUpdate(slot, answer)
        slot.update = nil
        advanceRestart(slot)
    }

    private func removeNextConfiguration(_ slot: TaskSlot) {
        ignoring("the next update writes over it, and it goes with the bundle") {
            () throws(SystemCallFailure) in
            try Files.removeFile(slot.paths.nextConfiguration)
        }
    }

    /// Runs in a helper.
    private func writing(_ files: [UpdatedFile]) -> [UInt8] {
        for file in files {
            let result = outcome { () throws(SystemCallFailure) in
                try UpdatedFiles.checkUse(file)
                try Files.writeControlFile(file.path, file.text)
            }
            guard result.first == 0 else {
                return Array(result.prefix(2)) + "'\(file.write.member)': ".utf8
                    + result.dropFirst(2)
            }
        }
        return [0]
    }

    /// The same for the former values. A cgroup that is gone has none.
    private func writingFormer(_ files: [UpdatedFile]) -> [UInt8] {
        outcome { () throws(SystemCallFailure) in
            for file in files.reversed() {
                do throws(SystemCallFailure) {
                    try Files.writeControlFile(file.path, file.former)
                } catch {
                    guard error.errno == 2 || error.errno == 19 else { throw error }  // ENODEV
                }
            }
        }
    }
}

/// Finds the control files of a task.
struct UpdatedFiles {
    private let cgroup: TaskCgroup
    private let hierarchies: [CgroupHierarchy]

    init(_ cgroup: TaskCgroup, _ hierarchies: [CgroupHierarchy]) {
        self.cgroup = cgroup
        self.hierarchies = hierarchies
    }

    /// Returns the files in the order of the writes. There are none between two attempts.
    func find(_ writes: [ControlWrite]) throws(SystemCallFailure) -> [UpdatedFile] {
        let directories = try cgroup.directories()
        if directories.isEmpty { return [] }
        var files: [UpdatedFile] = []
        for write in writes {
            guard let path = try path(of: write, directories) else {
                if !write.isNeeded { continue }
                let subject = "'\(write.member)': no hierarchy of the task has \(write.file)"
                throw SystemCallFailure(call: "open", subject: subject, errno: 2)
            }
            files.append(try file(path, write))
        }
        return files
    }

    private func path(
        of write: ControlWrite, _ directories: [String]
    ) throws(SystemCallFailure) -> String? {
        let fitting = hierarchies.filter {
            write.controller.isEmpty ? $0.isUnified : $0.has(write.controller)
        }
        for hierarchy in fitting {
            for directory in directories where directory.begins(with: hierarchy.mountPoint + "/") {
                let path = "\(directory)/\(write.file)"
                if try Files.exists(path) { return path }
            }
        }
        return nil
    }

    /// A file of several lines or names, such as `io.max`, takes one of them in each write: there
    /// is no text that brings all of it back.
    private func file(
        _ path: String, _ write: ControlWrite
    ) throws(SystemCallFailure) -> UpdatedFile {
        let former = try Files.text(path)
        let lines = former.fields("\n", keepingEmpty: true)
        let words = lines.first?.fields(" ") ?? []
        guard lines.count <= 2, !former.isEmpty, words.allSatisfy({ $0.cut("=") == nil }),
            words.first?.isSame(as: "default") != true
        else {
            let subject = "'\(write.member)': the former content of \(write.file) has no one value"
            throw SystemCallFailure(call: "write", subject: subject, errno: 22)
        }
        var text = write.text
        if write.isInherited, let (directory, name) = path.cutAtLast("/"),
            let (parent, _) = directory.cutAtLast("/")
        {
            text = try Files.text("\(parent)/\(name)").upTo("\n")
        }
        return UpdatedFile(path: path, write: write, text: text, former: former)
    }

    /// cgroup v2 takes any limit of memory, and kills processes until they fit. v1 takes what is
    /// not used away, and refuses the rest with EBUSY. So this does the same with v2.
    static func checkUse(_ file: UpdatedFile) throws(SystemCallFailure) {
        guard file.write.file.isSame(as: "memory.max"), let limit = Int64(file.text),
            let (directory, _) = file.path.cutAtLast("/")
        else { return }
        func use() throws(SystemCallFailure) -> Int64 {
            Int64(try Files.text(directory + "/memory.current").upTo("\n")) ?? 0
        }
        let before = try use()
        if before <= limit { return }
        ignoring("a kernel before 5.19, or nothing can be taken away: the use tells") {
            () throws(SystemCallFailure) in
            try Files.writeControlFile(directory + "/memory.reclaim", "\(before - limit)")
        }
        let after = try use()
        guard after > limit else { return }
        throw SystemCallFailure(
            call: "write", subject: "\(file.path), of which \(after) bytes are in use", errno: 16)
    }
}
