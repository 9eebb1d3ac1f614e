//  Maps and lists of strings, and names that are not paths.

import Bytes
import Model

extension Field {
    /// Labels or annotations.
    func notes() -> [String: String]? {
        stringMap(limit: DocumentLimits.notes) { name, field in
            checkNoteKey(name, field)
            return noteValue(field)
        }
    }

    /// An environment (environ(7)).
    func environment() -> [String: String]? {
        stringMap(limit: DocumentLimits.args) { name, field in
            if name.isEmpty { field.refuse("a variable's name must not be empty") }
            if name.utf8.contains(where: { $0 == 0 || $0 == UInt8(ascii: "=") }) {
                field.refuse("a variable's name must not contain '=' or NUL")
            }
            return field.string()
        }
    }

    /// A command line; it must contain a program.
    func arguments() -> [String]? {
        guard let elements = elements(limit: DocumentLimits.args) else { return nil }
        if elements.isEmpty { refuse("must not be empty") }
        let arguments = elements.compactMap { $0.string() }
        if arguments.count == elements.count, arguments.first?.isEmpty ?? false {
            elements.first?.refuse("must not be empty")
        }
        return arguments
    }

    /// Labels with dots between them, in upper or lower case (RFC 1123, section 2.1), of at most 64
    /// bytes: the limit of sethostname(2).
    func hostname() -> String? {
        parsed("a host name of at most 64 bytes") { text in
            let labels = text.fields(".", keepingEmpty: true).map { Label($0.lowered) }
            return text.utf8.count <= 64 && labels.allSatisfy { $0 != nil } ? text : nil
        }
    }

    func runtimeName() -> String? {
        parsed(PodSpec.runtimeNameRule) { PodSpec.isRuntimeName($0) ? $0 : nil }
    }

    /// Refuses names that are equal under Unicode, because they would be one key of this
    /// dictionary.
    private func stringMap(
        limit: Int, _ read: (String, Field) -> String?
    ) -> [String: String]? {
        guard let entries = entries(limit: limit) else { return nil }
        var map: [String: String] = [:]
        for (name, field) in entries {
            guard let value = read(name, field) else { continue }
            if map.updateValue(value, forKey: name) != nil {
                field.refuse("its name is written twice, in two forms of Unicode")
            }
        }
        return map
    }
}

/// Notes the faults of a label's or annotation's name.
func checkNoteKey(_ name: String, _ field: Field) {
    if !(1...253).contains(name.utf8.count) { field.refuse("its name must be 1 to 253 bytes") }
    if name.utf8.contains(0) { field.refuse("its name must not contain NUL") }
}

/// The value of a label or an annotation.
func noteValue(_ field: Field) -> String? {
    guard let text = field.string() else { return nil }
    if text.utf8.count > DocumentLimits.noteBytes { field.refuse("is longer than 64 KiB") }
    return text
}
