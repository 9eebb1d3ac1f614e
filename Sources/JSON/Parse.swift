//  Parses with jansson. Its tree is converted to a `JSONValue` and freed before `parse` returns.

import CJansson

extension JSONValue {
    /// How many objects and arrays may be nested.
    package static let depthLimit = 64

    /// Reads one JSON text in UTF-8 (RFC 8259): any value, with unique names and without trailing
    /// bytes. `\u0000` is allowed in a string but refused in a member's name.
    package static func parse(_ bytes: [UInt8]) throws(JSONFault) -> JSONValue {
        guard !bytes.isEmpty else {
            throw JSONFault(kind: .empty, detail: "there is no byte of JSON")
        }
        if let offset = offsetOfDeepNesting(in: bytes, limit: depthLimit) {
            throw JSONFault(
                kind: .tooDeep, detail: "nested deeper than \(depthLimit) levels",
                pointer: pointer(in: bytes, at: offset),
                line: lineNumber(in: bytes, at: offset))
        }
        return try load(bytes)
    }
}

private func load(_ bytes: [UInt8]) throws(JSONFault) -> JSONValue {
    let flags = JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL
    var error = json_error_t()
    // SAFETY: jansson reads `count` bytes during the call and keeps no pointer to them.
    let root = unsafe bytes.withUnsafeBytes { raw in
        unsafe json_loadb(
            raw.baseAddress?.assumingMemoryBound(to: CChar.self), raw.count, Int(flags), &error)
    }
    guard let root = unsafe root else { throw fault(error, in: bytes) }
    // SAFETY: json_loadb returned the only reference; `value` copies, so nothing outlives it.
    defer { unsafe json_decref(root) }
    return unsafe value(root)
}

// SAFETY (for the three below): `node` is alive, because its root is, and no other code has it. Its
// type decides which accessor is valid. `depthLimit` bounds the recursion.
private func value(_ node: UnsafeMutablePointer<json_t>) -> JSONValue {
    switch unsafe node.pointee.type {
    case JSON_OBJECT: .object(unsafe members(node))
    case JSON_ARRAY: .array(unsafe elements(node))
    case JSON_STRING:
        .string(unsafe text(json_string_value(node), json_string_length(node)))
    case JSON_INTEGER: .integer(Int64(unsafe json_integer_value(node)))
    case JSON_REAL: .real(unsafe json_real_value(node))
    case JSON_TRUE: .bool(true)
    case JSON_FALSE: .bool(false)
    default: .null
    }
}

private func members(_ node: UnsafeMutablePointer<json_t>) -> [JSONMember] {
    var members: [JSONMember] = []
    members.reserveCapacity(unsafe json_object_size(node))
    var iterator = unsafe json_object_iter(node)
    while let here = unsafe iterator, let child = unsafe json_object_iter_value(here) {
        let name = unsafe text(json_object_iter_key(here), json_object_iter_key_len(here))
        members.append(JSONMember(name: name, value: unsafe value(child)))
        unsafe iterator = json_object_iter_next(node, here)
    }
    return members
}

private func elements(_ node: UnsafeMutablePointer<json_t>) -> [JSONValue] {
    var elements: [JSONValue] = []
    elements.reserveCapacity(unsafe json_array_size(node))
    for index in unsafe 0..<json_array_size(node) {
        if let child = unsafe json_array_get(node, index) {
            elements.append(unsafe value(child))
        }
    }
    return elements
}

// SAFETY: jansson's strings have `count` bytes of UTF-8, which it has checked; they are copied.
private func text(_ start: UnsafePointer<CChar>?, _ count: Int) -> String {
    unsafe String(decoding: UnsafeRawBufferPointer(start: start, count: count), as: UTF8.self)
}

/// Converts jansson's error to a fault. The error code is the last byte of jansson's text
/// (`json_error_code` in jansson.h, an inline function with the same name as an enum).
private func fault(_ error: json_error_t, in bytes: [UInt8]) -> JSONFault {
    var error = error
    // SAFETY: the text is an array of 160 bytes inside `error`, NUL-terminated by jansson.
    let text = unsafe withUnsafeBytes(of: &error.text) { raw in unsafe [UInt8](raw) }
    let said = String(decoding: text.prefix { $0 != 0 }, as: UTF8.self)
    let place = "line \(error.line), column \(error.column)"
    let pointer = pointer(in: bytes, at: Int(error.position))
    let kind = kind(ofCode: UInt32(text.last ?? 0))
    let detail =
        kind == .duplicateMember
        ? "an object has the member '\(pointer)' twice (\(place))" : "\(said) (\(place))"
    return JSONFault(kind: kind, detail: detail, pointer: pointer, line: Int(error.line))
}

private func kind(ofCode code: UInt32) -> JSONFault.Kind {
    switch code {
    case json_error_duplicate_key.rawValue: .duplicateMember
    case json_error_invalid_utf8.rawValue: .notUTF8
    case json_error_end_of_input_expected.rawValue: .trailingBytes
    case json_error_numeric_overflow.rawValue: .numberOutOfRange
    case json_error_stack_overflow.rawValue: .tooDeep
    default: .malformed
    }
}
