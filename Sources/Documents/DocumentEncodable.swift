//  Replies: values that write themselves.

package import Bytes
package import JSON
import Model

/// A type that has a JSON document.
package protocol DocumentEncodable {
    func write(to writer: inout JSONWriter)
}

extension DocumentEncodable {
    /// The document alone.
    package func document() -> HeapBytes {
        var writer = JSONWriter()
        write(to: &writer)
        return writer.finish()
    }
}

/// One page of a list, oldest first, written item by item. It is bounded by number and by bytes,
/// because an item may be as large as a body.
package struct ListWriter: ~Copyable {
    private var writer = JSONWriter()
    private let limit: Int
    private var count = 0

    package init(limit: Int) {
        self.limit = limit
        writer.beginObject()
        writer.key("items")
        writer.beginArray()
    }

    /// Whether the page ends here. It has at least one item, so that each page makes progress.
    package var isFull: Bool { count >= limit || writer.count >= DocumentLimits.pageBytes }

    package mutating func add(_ item: some DocumentEncodable) {
        item.write(to: &writer)
        count += 1
    }

    /// - Parameter next: the token of the next page; `nil` on the last page.
    package consuming func finish(next: String?, revision: UInt64) -> HeapBytes {
        writer.endArray()
        writer.member("next", next)
        writer.member("revision", revision)
        writer.endObject()
        return writer.finish()
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
