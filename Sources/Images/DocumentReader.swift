// Reads the members of an image's documents. A member that is null counts as absent, because Docker
// writes null for empty lists.

import Bytes
import JSON

/// An object of a document.
struct DocumentReader {
    /// What it is, for messages: `the manifest`, `layer 3 of the manifest`.
    let name: String
    private let value: JSONValue

    /// Throws `image-invalid` if the bytes are no object in JSON, or too many.
    init(_ bytes: [UInt8], name: String) throws(ImageFault) {
        try self.init(DocumentReader.parse(bytes, name: name), name: name)
    }

    /// Reads JSON with unique names. Throws `image-invalid` also if there are too many bytes.
    static func parse(_ bytes: [UInt8], name: String) throws(ImageFault) -> JSONValue {
        guard bytes.count <= documentLimit else {
            throw ImageFault(.imageInvalid, "\(name) has more than \(documentLimit >> 20) MiB")
        }
        guard bytes.count(where: { $0 == UInt8(ascii: ",") }) <= valueLimit else {
            throw ImageFault(.imageInvalid, "\(name) has more than \(valueLimit) values")
        }
        do { return try JSONValue.parse(bytes) } catch {
            throw ImageFault(.imageInvalid, "\(name): \(error.detail)")
        }
    }

    init(_ value: JSONValue, name: String) throws(ImageFault) {
        guard value.members != nil else {
            throw ImageFault(.imageInvalid, "\(name) is \(value.kindName), not an object")
        }
        self.name = name
        self.value = value
    }

    func has(_ member: String) -> Bool { self[member] != nil }

    func text(_ member: String) throws(ImageFault) -> String? {
        guard let value = self[member] else { return nil }
        return try text(value, member)
    }

    func integer(_ member: String) throws(ImageFault) -> Int64? {
        guard let value = self[member] else { return nil }
        guard let number = value.integer else { throw wrong(member, "a whole number") }
        return number
    }

    func object(_ member: String) throws(ImageFault) -> DocumentReader? {
        guard let value = self[member] else { return nil }
        return try DocumentReader(value, name: "\(member) of \(name)")
    }

    /// The objects of a list; `nil` if it is absent.
    func objects(_ member: String, atMost limit: Int) throws(ImageFault) -> [DocumentReader]? {
        guard let elements = try elements(member, atMost: limit) else { return nil }
        var found: [DocumentReader] = []
        for (index, element) in elements.enumerated() {
            found.append(
                try DocumentReader(element, name: "element \(index) of \(member) of \(name)"))
        }
        return found
    }

    /// The texts of a list; `nil` if it is absent.
    func texts(_ member: String, atMost limit: Int = .max) throws(ImageFault) -> [String]? {
        guard let elements = try elements(member, atMost: limit) else { return nil }
        var found: [String] = []
        for element in elements { found.append(try text(element, member)) }
        return found
    }

    /// The texts of an object, in the order of the document; empty if it is absent.
    func map(_ member: String) throws(ImageFault) -> [(name: String, value: String)] {
        var found: [(name: String, value: String)] = []
        for entry in try object(member)?.value.members ?? [] {
            found.append((try text(.string(entry.name), member), try text(entry.value, member)))
        }
        return found
    }

    /// The names of an object's members, such as the paths of `Volumes`.
    func names(_ member: String) throws(ImageFault) -> [String] {
        var found: [String] = []
        for entry in try object(member)?.value.members ?? [] {
            found.append(try text(.string(entry.name), member))
        }
        return found
    }

    func wrong(_ member: String, _ expected: String) -> ImageFault {
        ImageFault(.imageInvalid, "\(member) of \(name) is not \(expected)")
    }

    private subscript(member: String) -> JSONValue? {
        let found = value[member]
        return found == .null ? nil : found
    }

    private func elements(_ member: String, atMost limit: Int) throws(ImageFault) -> [JSONValue]? {
        guard let value = self[member] else { return nil }
        guard let elements = value.elements else { throw wrong(member, "a list") }
        guard elements.count <= limit else {
            throw ImageFault(
                .imageInvalid,
                "\(member) of \(name) has \(elements.count) elements; the limit is \(limit)")
        }
        return elements
    }

    /// The kernel would cut a text with a NUL, which JSON can express.
    private func text(_ value: JSONValue, _ member: String) throws(ImageFault) -> String {
        guard let text = value.string, !text.has("\0") else {
            throw wrong(member, "a text without NUL")
        }
        return text
    }
}

/// The largest document that is read, in bytes. Registries accept no larger manifest.
package let documentLimit = 4 << 20

/// More values than any image needs: each takes a hundred bytes of memory, and one in the text.
private let valueLimit = 100_000

/// More layers than an overlay can have.
package let layerLimit = 500
