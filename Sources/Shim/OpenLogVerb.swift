// openLog: opens the log file that a client names, when the task is made and after the client has
// renamed the file. The log writer opens it, if there is one, and otherwise a helper.

import Kernel
import Linux
import ShimProtocol

extension Shim {
    func openLog(_ task: String, _ log: ClientLog, id: UInt32) {
        let slot = slot(task)
        slot.clientLog = log
        openLog(of: slot, ids: [id])
    }

    func openLog(of slot: TaskSlot, ids: [UInt32]) {
        guard let log = slot.clientLog, !slot.isLogOver else {
            return reply(to: ids, .failed(.notRunning, detail: "the task has ended"))
        }
        if slot.output?.askWriterToReopen(ids) ?? false { return }
        // The child may have opened the former file already.
        if slot.opening != nil { return slot.openingsDue += ids }
        do throws(SystemCallFailure) {
            let job = try helper(.openLog, for: ids[0]) { opened(log) }
            job.waiting = ids
            slot.opening = job
        } catch { reply(to: ids, .failed(.system, detail: error.description)) }
    }

    /// The helper has ended.
    func logOpened(_ slot: TaskSlot) {
        guard let job = slot.opening else { return }
        slot.opening = nil
        reply(to: job.waiting, LogOpening.reply(job.takeResult()))
        let due = slot.openingsDue
        slot.openingsDue = []
        if !due.isEmpty { openLog(of: slot, ids: due) }
        logHelperEnded(slot)
    }
}

/// Runs in the helper, and returns its result.
private func opened(_ log: ClientLog) -> [UInt8] {
    do throws(FileRefused) {
        _ = try log.file.appending(mode: 0o640)
        return LogOpening.record(nil)
    } catch { return LogOpening.record(error) }
}

/// The result of an opening, in one byte and the reason of a refusal.
enum LogOpening {
    static func record(_ refusal: FileRefused?) -> [UInt8] {
        refusal.map { [1] + $0.detail.utf8.prefix(4000) } ?? [0]
    }

    static func reply(_ record: [UInt8]) -> ShimReply {
        switch record.first {
        case 0: .done
        case nil: .failed(.interrupted, detail: "the helper that opens the log was killed")
        default:
            .failed(.logRefused, detail: String(decoding: record.dropFirst(), as: UTF8.self))
        }
    }
}

extension TaskSlot {
    var willRestart: Bool { restarts?.next != nil }

    /// The task has ended, and nothing new comes into its log.
    var isLogOver: Bool { exit != nil && !willRestart }

    /// A process that works on the log's disk.
    var hasLogHelper: Bool { output?.writer != nil || opening != nil }

    /// Ends them for a removal. Into a log that stays, the rest of the output is written first.
    func endLogHelpers(keepingLog: Bool = false) {
        keepingLog || clientLog != nil ? output?.close() : output?.kill()
        opening?.kill()
    }
}
