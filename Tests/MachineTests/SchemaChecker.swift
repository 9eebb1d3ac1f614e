// The part of JSON Schema 2020-12 that our document uses. An unknown keyword is a fault, so the
// document cannot say more than is checked.

import Foundation
import JSON
import Synchronization

struct SchemaChecker {
    let document: JSONValue

    /// Follows `$ref` within the document only.
    func resolved(_ schema: JSONValue) -> JSONValue {
        guard let reference = schema["$ref"]?.string else { return schema }
        let names = reference.dropFirst(2).split(separator: "/").map(String.init)
        return resolved(names.reduce(document) { value, name in value[name] ?? .bool(false) })
    }

    /// Every difference between `value` and `schema`; `[]` if there is none.
    func faults(_ value: JSONValue, _ schema: JSONValue, at pointer: String = "") -> [String] {
        let schema = resolved(schema)
        if let allowed = schema.bool { return allowed ? [] : ["\(pointer): nothing may be here"] }
        return (schema.members ?? []).flatMap { keyword in
            self.keyword(keyword.name, keyword.value, value, schema, pointer)
        } + undocumented(value, schema, pointer)
    }

    private func keyword(
        _ name: String, _ rule: JSONValue, _ value: JSONValue, _ schema: JSONValue,
        _ pointer: String
    ) -> [String] {
        func check(_ holds: Bool) -> [String] {
            holds ? [] : ["\(pointer): \(value) breaks \(name) \(rule)"]
        }
        switch name {
        case "type": return check(isOfType(value, rule))
        case "const": return check(value == rule)
        case "enum": return check(rule.elements?.contains(value) == true)
        case "oneOf":
            let branches = (rule.elements ?? []).map { faults(value, $0, at: pointer) }
            if branches.count(where: \.isEmpty) == 1 { return [] }
            return ["\(pointer): not exactly one of \(branches)"]
        case "description", "default", "examples", "format", "discriminator": return []
        default: break
        }
        if let members = value.members { return object(name, rule, members, schema, pointer) }
        if let elements = value.elements { return array(name, rule, elements, pointer) }
        if let text = value.string { return check(string(name, rule, text)) }
        if let number = value.number { return check(self.number(name, rule, number)) }
        return SchemaChecker.keywords.contains(name) ? [] : ["\(name): an unknown keyword"]
    }

    private func object(
        _ name: String, _ rule: JSONValue, _ members: [JSONMember], _ schema: JSONValue,
        _ pointer: String
    ) -> [String] {
        switch name {
        case "required":
            let present = Set(members.map(\.name))
            return (rule.elements ?? []).compactMap(\.string).filter { !present.contains($0) }
                .map { "\(pointer): no member \($0)" }
        case "properties":
            return members.flatMap { member in
                rule[member.name].map { faults(member.value, $0, at: "\(pointer)/\(member.name)") }
                    ?? []
            }
        case "additionalProperties":
            return members.filter { schema["properties"]?[$0.name] == nil }
                .flatMap { faults($0.value, rule, at: "\(pointer)/\($0.name)") }
        case "propertyNames":
            return members.flatMap { faults(.string($0.name), rule, at: "\(pointer)/\($0.name)") }
        case "maxProperties": return members.count <= rule.integer ?? 0 ? [] : ["\(pointer): many"]
        default: return other(name)
        }
    }

    private func array(
        _ name: String, _ rule: JSONValue, _ elements: [JSONValue], _ pointer: String
    ) -> [String] {
        switch name {
        case "items":
            return elements.enumerated().flatMap { faults($1, rule, at: "\(pointer)/\($0)") }
        case "minItems": return elements.count >= rule.integer ?? 0 ? [] : ["\(pointer): few"]
        case "maxItems": return elements.count <= rule.integer ?? 0 ? [] : ["\(pointer): many"]
        default: return other(name)
        }
    }

    private func string(_ name: String, _ rule: JSONValue, _ text: String) -> Bool {
        switch name {
        case "minLength": text.unicodeScalars.count >= rule.integer ?? 0
        case "maxLength": text.unicodeScalars.count <= rule.integer ?? 0
        case "pattern": matches(text, rule.string ?? "")
        default: SchemaChecker.keywords.contains(name)
        }
    }

    private func number(_ name: String, _ rule: JSONValue, _ number: Double) -> Bool {
        switch name {
        case "minimum": number >= rule.number ?? 0
        case "maximum": number <= rule.number ?? 0
        default: SchemaChecker.keywords.contains(name)
        }
    }

    private func other(_ name: String) -> [String] {
        SchemaChecker.keywords.contains(name) ? [] : ["\(name): an unknown keyword"]
    }

    /// Stricter than JSON Schema: clients must ignore unknown members, but a reply may not contain
    /// a member that the document lacks.
    private func undocumented(
        _ value: JSONValue, _ schema: JSONValue, _ pointer: String
    ) -> [String] {
        guard schema["additionalProperties"] == nil, let known = schema["properties"] else {
            return []
        }
        return (value.members ?? []).map(\.name).filter { known[$0] == nil }
            .map { "\(pointer)/\($0): not documented" }
    }

    private func isOfType(_ value: JSONValue, _ rule: JSONValue) -> Bool {
        (rule.elements ?? [rule]).contains { type in
            switch (type.string, value) {
            case ("null", .null), ("boolean", .bool), ("string", .string), ("array", .array),
                ("object", .object), ("number", .integer), ("number", .real):
                true
            case ("integer", _): value.integer != nil
            default: false
            }
        }
    }

    /// Keywords that do not restrict a value of another type.
    private static let keywords: Set<String> = [
        "required", "properties", "additionalProperties", "propertyNames", "maxProperties",
        "items", "minItems", "maxItems", "minLength", "maxLength", "pattern", "minimum", "maximum",
    ]
}

private let expressions = Mutex<[String: NSRegularExpression]>([:])

private func matches(_ text: String, _ pattern: String) -> Bool {
    let expression = expressions.withLock { cache -> NSRegularExpression? in
        if let known = cache[pattern] { return known }
        do {
            let made = try NSRegularExpression(pattern: pattern)
            cache[pattern] = made
            return made
        } catch { return nil }
    }
    let range = NSRange(text.startIndex..., in: text)
    return expression?.firstMatch(in: text, range: range) != nil
}
