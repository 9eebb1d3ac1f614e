// Reads values of a result, and refuses other kinds by their place. Plugins in Go write `null` for
// an empty list and "" for an absent text, so both are absent here, too.

import Bytes
import JSON
import Kernel

/// One object of a result.
struct ResultReader {
    let value: JSONValue
    let pointer: JSONPointer

    init(_ value: JSONValue, _ pointer: JSONPointer = .root) throws(PluginFailure) {
        guard value.members != nil else {
            throw .malformed(
                pointer: pointer, detail: "an object is expected, and this is \(value.kindName)")
        }
        self.value = value
        self.pointer = pointer
    }

    static func source(_ bytes: [UInt8]) throws(PluginFailure) -> JSONValue {
        do throws(JSONFault) { return try JSONValue.parse(bytes) } catch { throw .notJSON(error) }
    }

    private func wrong(_ name: String, _ expected: String) -> PluginFailure {
        let found = value[name]?.string.map { "'\(excerpt($0))'" } ?? value[name]?.kindName
        return .malformed(
            pointer: pointer.appending(name),
            detail: "\(expected) is expected, and this is \(found ?? "missing")")
    }

    private func present(_ name: String) -> JSONValue? {
        guard let member = value[name], member != .null, member != .string("") else { return nil }
        return member
    }

    func text(_ name: String) throws(PluginFailure) -> String? {
        guard let member = present(name) else { return nil }
        guard let text = member.string else { throw wrong(name, "a string") }
        return text
    }

    func amount(_ name: String) throws(PluginFailure) -> Int64? {
        guard let member = present(name) else { return nil }
        guard let number = member.integer, number >= 0 else {
            throw wrong(name, "a whole number from 0")
        }
        return number
    }

    func strings(_ name: String, isRequired: Bool = false) throws(PluginFailure) -> [String] {
        guard isRequired || present(name) != nil else { return [] }
        guard let texts = value[name]?.strings else { throw wrong(name, "an array of strings") }
        return texts
    }

    func address(_ name: String) throws(PluginFailure) -> IPAddress? {
        guard let text = try text(name) else { return nil }
        guard let address = IPAddress(text) else { throw wrong(name, "an address") }
        return address
    }

    func prefix(_ name: String) throws(PluginFailure) -> IPPrefix {
        guard let prefix = try text(name).flatMap({ IPPrefix($0) }) else {
            throw wrong(name, "an address with a prefix length")
        }
        return prefix
    }

    /// The member's object; `nil` if it is absent.
    func object(_ name: String) throws(PluginFailure) -> ResultReader? {
        guard let member = present(name) else { return nil }
        return try ResultReader(member, pointer.appending(name))
    }

    /// The objects of an array; none if it is absent.
    func objects(_ name: String) throws(PluginFailure) -> [ResultReader] {
        guard let member = present(name) else { return [] }
        guard let elements = member.elements else { throw wrong(name, "an array") }
        var readers: [ResultReader] = []
        for (index, element) in elements.enumerated() {
            readers.append(
                try ResultReader(element, pointer.appending(name).appending(index)))
        }
        return readers
    }
}
