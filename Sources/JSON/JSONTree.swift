//  Writes a whole value, for code that reads a document, changes a part and passes it on.

import Bytes

extension JSONWriter {
    package mutating func value(_ tree: JSONValue) {
        switch tree {
        case .null: null()
        case .bool(let flag): value(flag)
        case .integer(let number): value(number)
        case .real(let number): value(number)
        case .string(let text): value(text)
        case .array(let elements):
            beginArray()
            for element in elements { value(element) }
            endArray()
        case .object(let members):
            beginObject()
            for member in members {
                key(member.name)
                value(member.value)
            }
            endObject()
        }
    }
}

extension JSONValue {
    /// The value as JSON text.
    package var bytes: [UInt8] {
        var writer = JSONWriter()
        writer.value(self)
        return writer.finish().bytes
    }

    /// Returns this object with the member `name` set to `value`.
    package func replacing(_ name: String, with value: JSONValue) -> JSONValue {
        guard var members else { return self }
        let member = JSONMember(name: name, value: value)
        if let index = members.firstIndex(where: { $0.name.isSame(as: name) }) {
            members[index] = member
        } else {
            members.append(member)
        }
        return .object(members)
    }
}
