//  Events as JSON: the same object for NDJSON and for the data of a server-sent event.

package import JSON
import Kernel
package import Model

extension Event: DocumentEncodable {
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("revision", revision)
        writer.member("time", time)
        writer.member("kind", kind)
        if case .network(let network) = target {
            writer.member("network", network.name.text)
            writer.member("networkUID", network.uid)
        } else {
            writer.member("pod", target.owner.name)
            writer.member("podUID", target.owner.uid)
        }
        if let task = target.task { writer.member("task", task.text) }
        if case .operation(let id, _) = change { writer.member("operation", id) }
        writer.member("state", state)
        switch change {
        case .started(let attempt): writer.member("attempt", Int64(attempt))
        case .exited(let exit):
            writer.member("attempt", Int64(exit.attempt))
            writer.exitMembers(exit.exit)
        case .health(let change, let action):
            writer.member("attempt", Int64(change.attempt))
            if !change.isHealthy { writer.member("onFailure", action.rawValue) }
        case .state, .gone, .operation: break
        }
        writer.endObject()
    }

    private var kind: String {
        switch change {
        case .state, .started, .exited: target.kind.rawValue
        case .gone: "\(target.kind.rawValue).gone"
        case .operation: "operation"
        case .health: "\(target.kind.rawValue).\(state)"
        }
    }

    private var state: String {
        switch change {
        case .state(let state): state
        case .started: "running"
        case .exited: "exited"
        case .gone: "gone"
        case .health(let change, _): change.isHealthy ? "healthy" : "unhealthy"
        case .operation(_, let state): state.rawValue
        }
    }
}

/// A bookmark: the client has received all events up to `revision`.
package struct Bookmark: DocumentEncodable, Equatable, Sendable {
    package let revision: UInt64
    package let time: Timestamp
    package static let kind = "bookmark"

    package init(revision: UInt64, time: Timestamp) {
        self.revision = revision
        self.time = time
    }

    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("revision", revision)
        writer.member("time", time)
        writer.member("kind", Bookmark.kind)
        writer.endObject()
    }
}
