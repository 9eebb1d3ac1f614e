//  An operation as it is stored, whole or as a tombstone.

import JSON
package import Model

extension PodOperation {
    /// The record that `init(record:)` reads.
    package func record() -> [UInt8] { record(steps: steps) }

    /// The record without its steps, which is stored when the whole operation is no longer kept.
    package func tombstone() -> [UInt8] { record(steps: []) }

    private func record(steps: [OperationStep]) -> [UInt8] {
        writeRecord { writer in
            writer.member("id", id)
            writer.member("kind", kind.rawValue)
            writer.member("state", state.rawValue)
            writer.bits("rev", revision)
            writer.bits("order", order)
            writer.bits("print", fingerprint)
            writer.some("grace", grace)
            writer.some("signal", signal.map { Int64($0.number) })
            writer.some("former", formerResources)
            writer.some("wanted", wantedResources)
            writer.some("patch", patch)
            // An absent member means zero, which saves bytes in most records.
            if joined > 0 { writer.member("joined", joined) }
            if resumed > 0 { writer.member("resumed", resumed) }
            writer.some("superseded", supersededBy)
            writer.time("created", createdAt)
            writer.time("finished", finishedAt)
            writer.time("expires", expiresAt)
            target.writeRecord(to: &writer)
            requester.writeRecord(to: &writer)
            stalled?.writeRecord(to: &writer)
            error?.writeRecord(to: &writer)
            abandonment?.writeRecord(to: &writer)
            writeExitRecords(to: &writer)
            exec?.writeRecord(to: &writer)
            writer.key("steps")
            writer.beginArray()
            for step in steps { step.writeRecord(to: &writer) }
            writer.endArray()
        }
    }

    private func writeExitRecords(to writer: inout JSONWriter) {
        guard !exits.isEmpty else { return }
        writer.key("exits")
        writer.beginObject()
        for (task, exit) in exits.sorted(by: { $0.key < $1.key }) {
            writer.key(task.text)
            writer.writeExit(exit)
        }
        writer.endObject()
    }
}

extension Target {
    /// The kind of the operation tells the kind of its target.
    fileprivate func writeRecord(to writer: inout JSONWriter) {
        writer.key("target")
        writer.beginObject()
        switch self {
        case .pod(let pod): pod.writeRecord(to: &writer)
        case .task(let task):
            task.pod.writeRecord(to: &writer)
            writer.member("task", task.name.text)
            writer.member("taskUID", task.uid)
        case .network(let network):
            writer.member("network", network.name.text)
            writer.member("uid", network.uid)
        case .orphan(let uid): writer.member("uid", uid)
        }
        writer.endObject()
    }
}

extension PodReference {
    fileprivate func writeRecord(to writer: inout JSONWriter) {
        writer.member("pod", name.text)
        writer.member("uid", uid)
    }
}

extension Requester {
    fileprivate func writeRecord(to writer: inout JSONWriter) {
        writer.key("by")
        writer.beginObject()
        writer.member("pid", Int64(pid))
        writer.member("uid", Int64(uid))
        writer.member("gid", Int64(gid))
        writer.some("comm", command)
        writer.endObject()
    }
}

extension Abandonment {
    fileprivate func writeRecord(to writer: inout JSONWriter) {
        writer.key("abandoned")
        writer.beginObject()
        writer.member("step", step.rawValue)
        writer.member("reason", reason)
        requester.writeRecord(to: &writer)
        writer.time("at", at)
        writer.some("left", left)
        writer.endObject()
    }
}

extension PodOperation.Stall {
    fileprivate func writeRecord(to writer: inout JSONWriter) {
        writer.key("stalled")
        writer.beginObject()
        writer.time("since", since)
        writer.member("step", step.text)
        writer.member("why", why)
        writer.endObject()
    }
}

extension ExecResult {
    fileprivate func writeRecord(to writer: inout JSONWriter) {
        writer.key("exec")
        writer.beginObject()
        writer.some("code", exitCode.map(Int64.init))
        writer.some("signal", signal.map { Int64($0.number) })
        writer.member("timedOut", timedOut)
        writer.some("detail", detail)
        writer.time("started", startedAt)
        writer.time("finished", finishedAt)
        writer.endObject()
    }
}

extension Failure {
    fileprivate func writeRecord(to writer: inout JSONWriter) {
        writer.key("error")
        writer.beginObject()
        writer.member("code", code)
        writer.member("status", status)
        writer.member("detail", detail)
        writer.some("step", step?.text)
        writer.endObject()
    }
}

extension OperationStep {
    fileprivate func writeRecord(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("name", name.text)
        writer.some("object", object?.text)
        writer.member("state", state.rawValue)
        writer.member("tries", attempts)
        writer.time("started", startedAt)
        writer.time("finished", finishedAt)
        writer.time("retry", retryAt)
        writer.some("detail", detail)
        writer.endObject()
    }
}
