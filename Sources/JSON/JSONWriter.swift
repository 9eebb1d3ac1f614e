//  Writes compact JSON straight into the block of bytes that the transport will free.

package import Bytes

/// One JSON text under construction. Commas and colons come by themselves; that begins and ends
/// match is the caller's business.
package struct JSONWriter: ~Copyable {
    private var out: ByteBuilder
    /// Whether a value stands before the next one at this level.
    private var needsComma = false

    /// Makes a writer with room for `capacity` bytes before it first grows.
    package init(capacity: Int = 1024) { out = ByteBuilder(capacity: capacity) }

    /// Bytes written so far.
    package var count: Int { out.count }

    /// Hands over what was written.
    package consuming func finish() -> HeapBytes { out.finish() }

    package mutating func beginObject() { open(UInt8(ascii: "{")) }
    package mutating func endObject() { close(UInt8(ascii: "}")) }
    package mutating func beginArray() { open(UInt8(ascii: "[")) }
    package mutating func endArray() { close(UInt8(ascii: "]")) }

    /// A member's name that needs no escape: a literal of ours.
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

    /// The shortest text that reads back as the same double, with no `.0` on a whole number;
    /// `null` for what JSON has no number for (RFC 8259, section 6).
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

    package mutating func null() {
        separate()
        out.append("null")
    }

    /// Bytes that are a JSON text already, as they are.
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
