//  Encodes an operation for clients.

package import JSON
package import Model

extension PodOperation: DocumentEncodable {
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("id", id)
        writer.member("kind", kind.rawValue)
        writer.member("state", state.rawValue)
        writer.key("target")
        target.write(to: &writer)
        writer.member("revision", revision)
        writeProgress(to: &writer)
        writeRequest(to: &writer)
        writer.key("error")
        if let error { error.write(to: &writer) } else { writer.null() }
        writer.key("abandoned")
        if let abandonment { abandonment.write(to: &writer) } else { writer.null() }
        writer.member("createdAt", createdAt)
        writer.member("finishedAt", finishedAt)
        writer.member("expiresAt", expiresAt)
        writeExits(to: &writer)
        if let exec {
            writer.key("exec")
            writer.beginObject()
            writer.members(of: exec)
            writer.endObject()
        }
        writer.endObject()
    }

    private func writeProgress(to writer: inout JSONWriter) {
        writer.key("progress")
        writer.beginObject()
        writer.member("done", steps.count { $0.isDone })
        writer.member("total", steps.count)
        writer.endObject()
        writer.key("steps")
        writer.beginArray()
        for step in steps { step.write(to: &writer) }
        writer.endArray()
        writer.key("stalled")
        if let stalled { stalled.write(to: &writer) } else { writer.null() }
    }

    private func writeRequest(to writer: inout JSONWriter) {
        writer.key("requester")
        requester.write(to: &writer)
        writer.member("joined", joined)
        writer.member("resumed", resumed)
        writer.member("supersededBy", supersededBy)
    }

    private func writeExits(to writer: inout JSONWriter) {
        guard !exits.isEmpty else { return }
        writer.key("exits")
        writer.beginObject()
        for (task, exit) in exits.sorted(by: { $0.key < $1.key }) {
            writer.key(task.text)
            writer.beginObject()
            writer.exitMembers(exit)
            writer.endObject()
        }
        writer.endObject()
    }
}

extension Requester {
    fileprivate func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("uid", Int64(uid))
        writer.member("gid", Int64(gid))
        writer.member("pid", Int64(pid))
        writer.member("comm", command)
        writer.endObject()
    }
}

extension Abandonment {
    fileprivate func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("step", step.rawValue)
        writer.member("reason", reason)
        writer.key("requester")
        requester.write(to: &writer)
        writer.member("at", at)
        writer.member("left", left)
        writer.endObject()
    }
}

extension Target {
    /// The path of the target.
    package var href: String {
        switch self {
        case .pod(let pod): "/v1/pods/\(pod.name)"
        case .task(let task): "/v1/pods/\(task.pod.name)/tasks/\(task.name)"
        case .network(let network): "/v1/networks/\(network.name)"
        case .orphan: "/v1/audit"
        }
    }

    fileprivate func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("kind", kind.rawValue)
        writer.member("name", name)
        writer.member("uid", uid)
        writer.member("href", href)
        if case .task(let task) = self {
            writer.member("pod", task.pod.name.text)
            writer.member("podUID", task.pod.uid)
        }
        writer.endObject()
    }
}

extension OperationStep {
    fileprivate func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("name", name.text)
        if let object { writer.member("object", object.text) }
        writer.member("state", state.rawValue)
        writer.member("attempts", attempts)
        writer.member("startedAt", startedAt)
        writer.member("finishedAt", finishedAt)
        writer.member("retryAt", retryAt)
        writer.member("detail", detail)
        writer.endObject()
    }
}

extension PodOperation.Stall {
    fileprivate func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("since", since)
        writer.member("step", step.text)
        writer.member("why", why)
        writer.endObject()
    }
}

extension Failure {
    /// The problem that is an operation's `error`. If a record of another version contains an
    /// unknown code, the code is its own title.
    fileprivate func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("type", "/problems/\(code)")
        writer.member("title", ProblemCode(rawValue: code)?.title ?? code)
        writer.member("status", status)
        writer.member("code", code)
        writer.member("detail", detail)
        writer.member("step", step?.text)
        writer.endObject()
    }
}
