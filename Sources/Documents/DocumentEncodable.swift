//  Replies: values that write themselves.

package import Bytes
package import JSON
import Model

/// What has a JSON document.
package protocol DocumentEncodable {
    func write(to writer: inout JSONWriter)
}

extension DocumentEncodable {
    /// The document by itself.
    package func document() -> HeapBytes {
        var writer = JSONWriter()
        write(to: &writer)
        return writer.finish()
    }
}

/// A list of anything, oldest first.
package struct DocumentList<Item: DocumentEncodable>: DocumentEncodable {
    package let items: [Item]
    /// The token of the next page; `nil` on the last.
    package let next: String?
    package let revision: UInt64

    package init(items: [Item], next: String? = nil, revision: UInt64) {
        self.items = items
        self.next = next
        self.revision = revision
    }

    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.key("items")
        writer.beginArray()
        for item in items { item.write(to: &writer) }
        writer.endArray()
        writer.member("next", next)
        writer.member("revision", revision)
        writer.endObject()
    }
}

extension JSONWriter {
    mutating func member(_ name: StaticString, _ uid: UID?) {
        member(name, uid?.description)
    }

    mutating func member(_ name: StaticString, _ time: Timestamp?) {
        member(name, time?.description)
    }
}
