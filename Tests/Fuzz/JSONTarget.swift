// The JSON reader and the JSON writer.

import Bytes

@testable import JSON

/// Parsed text is written and parsed again to the same value. A refusal names a place in the text.
@Sendable func fuzzJSON(_ bytes: [UInt8]) {
    let value: JSONValue
    do throws(JSONFault) { value = try JSONValue.parse(bytes) } catch {
        must(!error.detail.isEmpty, "a fault without a word")
        return
    }
    must(String(validating: bytes, as: UTF8.self) != nil, "read what is not UTF-8")
    must(depth(value) <= JSONValue.depthLimit, "deeper than is allowed")
    let written = value.bytes
    do throws(JSONFault) {
        let again = try JSONValue.parse(written)
        // The writer turns -0.0 into -0, which the reader reads as the integer 0.
        let settled = again.bytes
        must(try JSONValue.parse(settled).bytes == settled, "written differently each time")
        must(same(again, value), "another value: \(value) became \(again)")
    } catch { must(false, "we cannot read what we wrote: \(error)") }
}

private func depth(_ value: JSONValue) -> Int {
    switch value {
    case .array(let elements): 1 + (elements.map(depth).max() ?? 0)
    case .object(let members): 1 + (members.map { depth($0.value) }.max() ?? 0)
    case .null, .bool, .integer, .real, .string: 0
    }
}

/// The writer turns 1.0 into `1`, which is the same number.
private func same(_ one: JSONValue, _ other: JSONValue) -> Bool {
    switch (one, other) {
    case (.array(let left), .array(let right)):
        return left.count == right.count && zip(left, right).allSatisfy(same)
    case (.object(let left), .object(let right)):
        return left.count == right.count
            && zip(left, right).allSatisfy { same($0.value, $1.value) && alike($0.name, $1.name) }
    case (.string(let left), .string(let right)): return alike(left, right)
    case (.integer, .real), (.real, .integer), (.real, .real): return one.number == other.number
    default: return one == other
    }
}

/// Compares bytes, because Swift treats two forms of one letter as equal.
private func alike(_ one: String, _ other: String) -> Bool { one.utf8.elementsEqual(other.utf8) }
