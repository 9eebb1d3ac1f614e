//  How a value is read from a request, written to a document, and restored from a record.

import JSON
import Model

struct Codec<Value>: Sendable {
    /// Applies the rules of the API; `nil` if a fault was noted.
    let read: @Sendable (Field) -> Value?
    let write: @Sendable (Value, inout JSONWriter) -> Void
    /// Applies no rule of the API, so a record that was valid once stays readable.
    let restore: @Sendable (RecordReader) throws(RecordFault) -> Value
}

extension Codec where Value: Sendable {
    /// An object that `table` describes. A request's members replace those of `defaults`, and a
    /// record's those of `blank`.
    static func object(_ table: SpecTable<Value>, _ blank: Value, defaults: Value? = nil) -> Codec {
        Codec(
            read: { field in
                var value = defaults ?? blank
                return field.readObject(table, into: &value) ? value : nil
            },
            write: { table.writeObject($0, to: &$1) },
            restore: { record throws(RecordFault) in
                var value = blank
                try table.restore(record, into: &value)
                return value
            })
    }
}

extension Codec {
    /// An array of objects that `table` describes. A record's objects are restored into `blank`.
    static func objects<Element: Sendable>(
        _ table: SpecTable<Element>, _ blank: Element,
        _ read: @escaping @Sendable (Field) -> [Element]?
    ) -> Codec where Value == [Element] {
        Codec(
            read: read,
            write: { elements, writer in
                writer.beginArray()
                for element in elements { table.writeObject(element, to: &writer) }
                writer.endArray()
            },
            restore: { record throws(RecordFault) in
                let element = Codec<Element>.object(table, blank)
                return try record.elements().map { x throws(RecordFault) in
                    try element.restore(x)
                }
            })
    }
}

extension Codec {
    /// An array of at most `limit` elements.
    static func list<Element: Sendable>(
        _ element: Codec<Element>, limit: Int
    ) -> Codec where Value == [Element] {
        Codec(
            read: { field in field.elements(limit: limit)?.compactMap { element.read($0) } },
            write: { elements, writer in
                writer.beginArray()
                for value in elements { element.write(value, &writer) }
                writer.endArray()
            },
            restore: { record throws(RecordFault) in
                try record.elements().map { x throws(RecordFault) in try element.restore(x) }
            })
    }
}

extension Codec<Bool> {
    static var bool: Codec {
        Codec(
            read: { $0.bool() }, write: { $1.value($0) },
            restore: { record throws(RecordFault) in try record.bool() })
    }
}

extension Codec<String> {
    static func text(_ read: @escaping @Sendable (Field) -> String?) -> Codec {
        Codec(
            read: read, write: { $1.value($0) },
            restore: { record throws(RecordFault) in try record.string() })
    }
}

extension Codec<[String]> {
    static func texts(_ read: @escaping @Sendable (Field) -> [String]?) -> Codec {
        Codec(
            read: read, write: { $1.value($0) },
            restore: { record throws(RecordFault) in try record.strings() })
    }
}

extension Codec<[String: String]> {
    static func map(_ read: @escaping @Sendable (Field) -> [String: String]?) -> Codec {
        Codec(
            read: read, write: { $1.value($0) },
            restore: { record throws(RecordFault) in try record.stringMap() })
    }
}

extension Codec<Int64> {
    static func integer(_ read: @escaping @Sendable (Field) -> Int64?) -> Codec {
        Codec(
            read: read, write: { $1.value($0) },
            restore: { record throws(RecordFault) in try record.integer() })
    }

    /// Seconds or CPUs in the document, thousandths of them in the property.
    static func thousandths(in range: ClosedRange<Double>) -> Codec {
        Codec(
            read: { $0.thousandths(in: range) }, write: { $1.value(thousandths: $0) },
            restore: { record throws(RecordFault) in try record.thousandths() })
    }
}

extension Codec where Value: Sendable {
    /// A string that `make` accepts; `rule` describes which strings are accepted.
    static func parsed(
        _ rule: String, _ make: @escaping @Sendable (String) -> Value?,
        text: @escaping @Sendable (Value) -> String
    ) -> Codec {
        Codec(
            read: { $0.parsed(rule, make) }, write: { $1.value(text($0)) },
            restore: { record throws(RecordFault) in try record.parsed(make) })
    }
}
