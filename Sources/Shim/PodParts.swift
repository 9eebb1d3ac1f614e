// The parts of a pod that the daemon asks its shim to make, and that the tasks of the pod share.

import Kernel
import Linux
import ShimProtocol

/// A part of the pod. A repetition of each function is safe.
protocol PodPart: AnyObject {
    /// The name in requests. It also names the part's places (`PodFolders`).
    static var name: String { get }
    /// Reads the daemon's document, and makes nothing.
    init(_ document: [UInt8], _ shim: Shim) throws(WireFault)
    /// Whether it has a folder on the disk. The daemon removes what another part made, and the shim
    /// lets go of what its process holds.
    static var hasFolder: Bool { get }
    /// Its file systems in memory that are mounted in the sandbox.
    var memory: [MemoryFileSystem] { get }
    /// Makes what the shim's process holds. It cannot block.
    func hold() throws(SystemCallFailure)
    /// Makes the rest. Runs in a helper, in the host's mount namespace.
    func make() throws(SystemCallFailure)
    /// The helper has made all of it.
    func finished()
    /// Returns the failure of `hold` with words that help. Runs in a helper.
    func explained(_ failure: SystemCallFailure) -> SystemCallFailure
}

extension PodPart {
    func explained(_ failure: SystemCallFailure) -> SystemCallFailure { failure }
    func finished() {}
}

/// All kinds of parts.
private var kinds: [any PodPart.Type] { [Volumes.self, Interface.self, Sysctls.self] }

extension Shim {
    /// The mounts of the sandbox that the tasks share.
    var memory: [MemoryFileSystem] {
        [sharedMemory].compactMap(\.self) + parts.values.flatMap(\.memory)
    }

    func makePart(_ name: String, _ document: [UInt8], id: UInt32) {
        if let partJob {
            guard partJob.job.kind == .make else { return reply(id, busy(partJob.job)) }
            if partJob.name == name { return partJob.job.waiting.append(id) }
            // A daemon that starts again begins with the first part, while a later one is made.
            return partsDue.append((name, document, id))
        }
        guard let kind = kinds.first(where: { $0.name == name }) else {
            return reply(id, .failed(.state, detail: "no part is named \(name)"))
        }
        let part: any PodPart
        do throws(WireFault) {
            let made = parts[name]
            part = if let made { made } else { try kind.init(document, self) }
        } catch { return reply(id, .failed(.system, detail: error.detail)) }
        parts[name] = part
        // A daemon that starts again repeats the request. The tasks may be at work by then.
        if finished.contains(name) { return reply(id, .done) }
        var refusal: SystemCallFailure?
        do throws(SystemCallFailure) { try part.hold() } catch { refusal = error }
        do throws(SystemCallFailure) {
            let job = try helper(.make, for: id) {
                outcome { () throws(SystemCallFailure) in
                    if let refusal { throw part.explained(refusal) }
                    try part.make()
                }
            }
            partJob = (name, job)
        } catch { reply(id, .failed(fault(error.errno), detail: error.description)) }
    }

    /// EADDRINUSE is a port's. No call has failed if the helper was killed.
    private func fault(_ errno: CInt) -> ShimFault {
        switch errno {
        case 98: .portTaken
        case 0: .interrupted
        default: .system
        }
    }

    /// Also removes what a former shim of the pod has made.
    func removePart(_ name: String, id: UInt32) {
        if let kind = kinds.first(where: { $0.name == name }), !kind.hasFolder {
            // A helper that is at work would make again what the daemon removes.
            if let partJob, partJob.name == name { return reply(id, busy(partJob.job)) }
            parts[name] = nil
            finished.remove(name)
            return reply(id, .done)
        }
        if let partJob {
            guard partJob.name == name, partJob.job.kind == .remove else {
                return reply(id, busy(partJob.job))
            }
            return partJob.job.waiting.append(id)
        }
        if let reason = whatIsLeft() { return reply(id, .stillThere(reason: reason)) }
        var remains: [MemoryFileSystem.Remains] = []
        do throws(SystemCallFailure) {
            for memory in parts[name]?.memory ?? [] {
                if let left = try memory.release() { remains.append(left) }
            }
            let (directory, tree) = (settings.dataDirectory, PodFolders.name(of: name))
            let job = try helper(.remove, for: id) {
                held(remains)
                    ?? outcome { () throws(SystemCallFailure) in
                        try Tree.remove(tree, in: directory)
                    }
            }
            partJob = (name, job)
        } catch { reply(id, stillThere(error)) }
    }

    /// The result of a helper that found file systems in memory that are held; `nil` if none is.
    func held(_ remains: [MemoryFileSystem.Remains]) -> [UInt8]? {
        let reasons = remains.compactMap(\.why)
        return reasons.isEmpty ? nil : [1, 16] + reasons.joined(separator: "; ").utf8  // EBUSY
    }

    /// The helper of `partJob` has ended.
    func partEnded() {
        guard let (name, job) = partJob.take() else { return }
        let answer = answer(job)
        if answer == .done && job.kind == .remove { parts[name] = nil }
        let hasFolder = kinds.first { $0.name == name }?.hasFolder ?? true
        if answer == .done && job.kind == .make && !hasFolder {
            finished.insert(name)
            parts[name]?.finished()
        }
        if job.kind == .make, case .stillThere(let reason, let errno) = answer {
            reply(to: job.waiting, .failed(fault(errno), detail: reason))
        } else {
            reply(to: job.waiting, answer)
        }
        let due = partsDue
        partsDue = []
        for (name, document, id) in due { makePart(name, document, id: id) }
    }
}
