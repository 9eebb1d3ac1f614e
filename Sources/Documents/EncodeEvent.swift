//  Events as JSON: the same object for NDJSON and for the data of a server-sent event.

package import JSON
package import Model

extension Event: DocumentEncodable {
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("revision", revision)
        writer.member("time", time)
        writer.member("kind", kind.rawValue)
        writer.member("pod", pod.text)
        writer.member("podUID", podUID)
        if let task { writer.member("task", task.text) }
        if let operation { writer.member("operation", operation) }
        writer.member("state", state)
        writer.endObject()
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
