//  Writes compact JSON directly into the block of bytes that the transport frees.

package import Bytes

/// One JSON text under construction. The writer adds commas and colons; the caller must match each
/// begin with an end.
package struct JSONWriter: ~Copyable {
    private var out: ByteBuilder
    /// Whether a comma must precede the next value at this level.
    private var needsComma = false

    /// Makes a writer with an initial capacity of `capacity` bytes.
    package init(capacity: Int = 1024) { out = ByteBuilder(capacity: capacity) }

    /// The number of bytes written so far.
    package var count: Int { out.count }

    /// Returns the written bytes and their ownership.
    package consuming func finish() -> HeapBytes { out.finish() }

    package mutating func beginObject() { open(UInt8(ascii: "{")) }
    package mutating func endObject() { close(UInt8(ascii: "}")) }
    package mutating func beginArray() { open(UInt8(ascii: "[")) }
    package mutating func endArray() { close(UInt8(ascii: "]")) }

    /// A member's name that needs no escape, because it is a literal in our source.
    package mutating func key(_ name: StaticString) {
        separate()
        out.append(UInt8(ascii: "\""))
        out.append(name)
        out.append("\":")
        needsComma = false
    }

    /// A member's name, escaped.
    package mutating func key(_ name: String) {
        separate()
        appendQuoted(name)
        out.append(UInt8(ascii: ":"))
        needsComma = false
    }

    package mutating func value(_ text: String) {
        separate()
        appendQuoted(text)
    }

    package mutating func value(_ number: Int64) {
        separate()
        out.append(decimal: number)
    }

    package mutating func value(_ number: Int) { value(Int64(number)) }

    package mutating func value(_ number: UInt64) {
        separate()
        out.append(decimal: number)
    }

    /// The shortest text that reads back as the same double, without `.0` for a whole number. A
    /// number that JSON cannot express (RFC 8259, section 6) is written as `null`.
    package mutating func value(_ number: Double) {
        guard number.isFinite else { return null() }
        separate()
        let text = number.description
        let bytes = Array(text.utf8)
        out.append(text.ends(with: ".0") ? bytes.dropLast(2) : bytes[...])
    }

    package mutating func value(_ flag: Bool) {
        separate()
        out.append(flag ? "true" : "false")
    }

    /// Writes milliseconds as seconds, and thousandths of a CPU as CPUs.
    package mutating func value(thousandths number: Int64) {
        if number % 1000 == 0 { value(number / 1000) } else { value(Double(number) / 1000) }
    }

    /// Writes the keys in order, so that a document always has the same text.
    package mutating func value(_ map: [String: String]) {
        beginObject()
        for (name, text) in map.sorted(by: { $0.key < $1.key }) {
            key(name)
            value(text)
        }
        endObject()
    }

    package mutating func value(_ texts: [String]) {
        beginArray()
        for text in texts { value(text) }
        endArray()
    }

    package mutating func null() {
        separate()
        out.append("null")
    }

    /// Writes bytes that are already a JSON text.
    package mutating func raw(_ json: [UInt8]) {
        separate()
        out.append(json)
    }

    @inline(__always)
    private mutating func separate() {
        if needsComma { out.append(UInt8(ascii: ",")) }
        needsComma = true
    }

    private mutating func open(_ bracket: UInt8) {
        separate()
        out.append(bracket)
        needsComma = false
    }

    private mutating func close(_ bracket: UInt8) {
        out.append(bracket)
        needsComma = true
    }

    private mutating func appendQuoted(_ text: String) {
        out.append(UInt8(ascii: "\""))
        out.append(escaping: text)
        out.append(UInt8(ascii: "\""))
    }
}
