//  The differences of two specs, for `spec-conflict`. The documents are compared instead of the
//  fields, so that no member can be forgotten here.

import Bytes
import JSON
package import Model

extension PodSpec {
    /// A fault for each place at which this spec differs from `existing`.
    package func differences(from existing: PodSpec) -> [DocumentFault] {
        PodSpec.requestMembers.differences(self, existing)
    }
}

extension TaskSpec {
    /// A fault for each place at which this spec differs from `existing`.
    package func differences(from existing: TaskSpec) -> [DocumentFault] {
        TaskSpec.members.differences(self, existing)
    }
}

extension SpecTable {
    func differences(_ asked: Root, _ existing: Root) -> [DocumentFault] {
        documentDifferences(tree(asked), tree(existing), at: .root)
    }

    private func tree(_ root: Root) -> JSONValue {
        var writer = JSONWriter()
        writeObject(root, to: &writer)
        do throws(JSONFault) {
            return try JSONValue.parse(writer.finish().bytes)
        } catch {
            preconditionFailure("our own text is no JSON: \(error)")
        }
    }
}

private func documentDifferences(
    _ asked: JSONValue, _ existing: JSONValue, at pointer: JSONPointer
) -> [DocumentFault] {
    switch (asked, existing) {
    case (.object(let asked), .object(let existing)):
        memberDifferences(asked, existing, at: pointer)
    case _ where asked == existing: []
    default: [difference(pointer, "is \(shown(existing)), and \(shown(asked)) is asked for")]
    }
}

private func memberDifferences(
    _ asked: [JSONMember], _ existing: [JSONMember], at pointer: JSONPointer
) -> [DocumentFault] {
    let before = Dictionary(existing.map { (ByteKey($0.name), $0.value) }) { first, _ in first }
    let now = Dictionary(asked.map { (ByteKey($0.name), $0.value) }) { first, _ in first }
    return Set(before.keys).union(now.keys).sorted().flatMap { name in
        let place = pointer.appending(name.text)
        return switch (now[name], before[name]) {
        case (let asked?, let existing?): documentDifferences(asked, existing, at: place)
        case (let asked?, nil): [difference(place, "is not set, and \(shown(asked)) is asked for")]
        case (nil, let existing?):
            [difference(place, "is \(shown(existing)), and is not asked for")]
        case (nil, nil): [DocumentFault]()
        }
    }
}

private func difference(_ pointer: JSONPointer, _ detail: String) -> DocumentFault {
    DocumentFault(pointer: pointer, detail: detail)
}

/// A value in a sentence: a short value as it is, any other by its kind.
private func shown(_ value: JSONValue) -> String {
    switch value {
    case .null, .array, .object: value.kindName
    case .bool(let flag): "\(flag)"
    case .integer(let number): "\(number)"
    case .real(let number): "\(number)"
    case .string(let text): text.utf8.count <= 80 ? "'\(text)'" : "a text of another content"
    }
}
