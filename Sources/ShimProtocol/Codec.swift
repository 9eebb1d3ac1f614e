// Encodes messages: little-endian integers, and strings after their length.

/// A packet that is not a message: of another version, truncated, or not ours.
package struct WireFault: Error, Equatable, Sendable {
    package let detail: String

    package init(_ detail: String) { self.detail = detail }
}

struct WireWriter {
    private(set) var bytes: [UInt8] = []

    mutating func put(_ byte: UInt8) { bytes.append(byte) }

    mutating func put<Number: FixedWidthInteger>(_ number: Number) {
        for index in 0..<Number.bitWidth / 8 {
            bytes.append(UInt8(truncatingIfNeeded: number >> Number(index * 8)))
        }
    }

    mutating func put(flag: Bool) { put(flag ? 1 : 0 as UInt8) }

    mutating func put(_ text: String) {
        put(UInt32(text.utf8.count))
        bytes.append(contentsOf: text.utf8)
    }

    mutating func put(bytes block: [UInt8]) {
        put(UInt32(block.count))
        bytes += block
    }

    mutating func put<Element>(list: [Element], _ element: (inout WireWriter, Element) -> Void) {
        put(UInt32(list.count))
        for item in list { element(&self, item) }
    }

    mutating func put<Value>(optional: Value?, _ value: (inout WireWriter, Value) -> Void) {
        put(flag: optional != nil)
        if let optional { value(&self, optional) }
    }
}

struct WireReader {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) { rest = bytes[...] }

    /// Reads the version at the beginning of a document. Throws if it is another one.
    init(_ document: [UInt8], version: UInt16) throws(WireFault) {
        self.init(document)
        let found = try number(UInt16.self)
        guard found == version else { throw WireFault("version \(found)") }
    }

    mutating func byte() throws(WireFault) -> UInt8 {
        guard let byte = rest.popFirst() else { throw WireFault("cut short") }
        return byte
    }

    mutating func flag() throws(WireFault) -> Bool {
        switch try byte() {
        case 0: false
        case 1: true
        case let other: throw WireFault("flag \(other)")
        }
    }

    mutating func number<Number: FixedWidthInteger>(
        _: Number.Type = Number.self
    ) throws(WireFault) -> Number {
        var number: Number = 0
        for index in 0..<Number.bitWidth / 8 { number |= Number(try byte()) << Number(index * 8) }
        return number
    }

    mutating func text() throws(WireFault) -> String {
        let count = Int(try number(UInt32.self))
        guard count <= rest.count else { throw WireFault("cut short") }
        let block = rest.prefix(count)
        rest = rest.dropFirst(count)
        // `String(validating:as:)` instantiates generic types, which costs each idle shim 8 KiB.
        let text = String(decoding: block, as: UTF8.self)
        guard text.utf8.elementsEqual(block) else { throw WireFault("a string that is not UTF-8") }
        return text
    }

    mutating func bytes() throws(WireFault) -> [UInt8] {
        let count = Int(try number(UInt32.self))
        guard count <= rest.count else { throw WireFault("cut short") }
        let block = Array(rest.prefix(count))
        rest = rest.dropFirst(count)
        return block
    }

    mutating func list<Element>(
        _ element: (inout WireReader) throws(WireFault) -> Element
    ) throws(WireFault) -> [Element] {
        let count = Int(try number(UInt32.self))
        // Each element takes at least a byte, so a wrong count cannot reserve much memory.
        guard count <= rest.count else { throw WireFault("cut short") }
        var list: [Element] = []
        for _ in 0..<count { list.append(try element(&self)) }
        return list
    }

    mutating func optional<Value>(
        _ value: (inout WireReader) throws(WireFault) -> Value
    ) throws(WireFault) -> Value? {
        switch try byte() {
        case 0: nil
        case 1: try value(&self)
        case let other: throw WireFault("presence \(other)")
        }
    }

    func end() throws(WireFault) {
        if !rest.isEmpty { throw WireFault("\(rest.count) bytes too many") }
    }
}
