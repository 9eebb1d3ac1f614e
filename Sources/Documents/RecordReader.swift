//  Reads the records that a daemon stored. It applies no rule of the API, so a record that was
//  valid once stays readable. A record that cannot be parsed is a fault that an administrator must
//  examine.

package import JSON
import Model

/// Why a record cannot be read. The record is kept; nothing is ever deleted because of it.
package enum RecordFault: Error, Equatable, Sendable, CustomStringConvertible {
    case notJSON(JSONFault)
    /// Written by another version; `nil` if the record contains no version.
    case unknownVersion(Int64?)
    case malformed(JSONPointer, String)

    package var description: String {
        switch self {
        case .notJSON(let fault): "no JSON: \(fault)"
        case .unknownVersion(let version): "of version \(version.map(String.init) ?? "none")"
        case .malformed(let pointer, let detail): "'\(pointer)' \(detail)"
        }
    }
}

/// A value in a record, and its place.
struct RecordReader {
    let value: JSONValue
    let pointer: JSONPointer

    /// The version that this code writes; it reads no other.
    static let version: Int64 = 1

    /// The root of a record.
    init(record: [UInt8]) throws(RecordFault) {
        do throws(JSONFault) {
            value = try JSONValue.parse(record)
        } catch {
            throw RecordFault.notJSON(error)
        }
        pointer = .root
        guard value["v"]?.integer == RecordReader.version else {
            throw RecordFault.unknownVersion(value["v"]?.integer)
        }
    }

    private init(value: JSONValue, pointer: JSONPointer) {
        self.value = value
        self.pointer = pointer
    }

    subscript(name: String) -> RecordReader {
        get throws(RecordFault) {
            let member = optional(name)
            return try member.orThrow(.malformed(pointer.appending(name), "is missing"))
        }
    }

    /// The member; `nil` if it is `null` or missing.
    func optional(_ name: String) -> RecordReader? {
        guard let member = value[name], member != .null else { return nil }
        return RecordReader(value: member, pointer: pointer.appending(name))
    }

    func string() throws(RecordFault) -> String { try expect(value.string, "a string") }

    func bool() throws(RecordFault) -> Bool { try expect(value.bool, "a boolean") }

    func integer() throws(RecordFault) -> Int64 { try expect(value.integer, "a whole number") }

    /// A whole number of another width, if it fits.
    func integer<Number: FixedWidthInteger>(
        as type: Number.Type
    ) throws(RecordFault) -> Number {
        try expect(Number(exactly: integer()), "a number that fits")
    }

    /// 64 bits, stored as the signed number with the same bits, because jansson's integers are
    /// signed 64-bit numbers.
    func bits() throws(RecordFault) -> UInt64 { UInt64(bitPattern: try integer()) }

    /// A number that `thousandths` wrote.
    func thousandths() throws(RecordFault) -> Int64 {
        let number = try expect(value.number, "a number")
        return try expect(Int64(exactly: (number * 1000).rounded()), "a number in thousandths")
    }

    func time() throws(RecordFault) -> Timestamp { Timestamp(milliseconds: try integer()) }

    /// A string that `make` accepts.
    func parsed<Value>(_ make: (String) -> Value?) throws(RecordFault) -> Value {
        try expect(make(string()), "known to this version")
    }

    func uid() throws(RecordFault) -> UID { try parsed { UID($0) } }

    func label() throws(RecordFault) -> Label { try parsed { Label($0) } }

    func elements() throws(RecordFault) -> [RecordReader] {
        try expect(value.elements, "an array").enumerated().map {
            RecordReader(value: $1, pointer: pointer.appending($0))
        }
    }

    func entries() throws(RecordFault) -> [(name: String, value: RecordReader)] {
        try expect(value.members, "an object").map {
            ($0.name, RecordReader(value: $0.value, pointer: pointer.appending($0.name)))
        }
    }

    func strings() throws(RecordFault) -> [String] {
        try elements().map { element throws(RecordFault) in try element.string() }
    }

    func stringMap() throws(RecordFault) -> [String: String] {
        var map: [String: String] = [:]
        for (name, value) in try entries() { map[name] = try value.string() }
        return map
    }

    private func expect<Value>(_ value: Value?, _ what: String) throws(RecordFault) -> Value {
        try value.orThrow(.malformed(pointer, "is not \(what)"))
    }
}

extension Optional {
    fileprivate func orThrow(
        _ fault: @autoclosure () -> RecordFault
    ) throws(RecordFault) -> Wrapped {
        guard let self else { throw fault() }
        return self
    }
}
