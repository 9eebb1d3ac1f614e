//  A cursor over an object: it returns members by name and refuses members that were not taken.

import Bytes
import JSON

struct ObjectReader {
    private var unread: [JSONMember]
    let pointer: JSONPointer
    let log: FaultLog

    init(members: [JSONMember], pointer: JSONPointer, log: FaultLog) {
        unread = members
        self.pointer = pointer
        self.log = log
    }

    /// Returns the member and marks it as known; `nil` if there is none.
    mutating func take(_ name: String) -> Field? {
        guard let index = unread.firstIndex(where: { $0.name.isSame(as: name) }) else { return nil }
        let member = unread.remove(at: index)
        return Field(value: member.value, pointer: pointer.appending(name), log: log)
    }

    /// Returns the member; notes a fault if there is none.
    mutating func require(_ name: String) -> Field? {
        if let field = take(name) { return field }
        log.add(pointer.appending(name), "is required")
        return nil
    }

    /// Refuses every member that was not taken.
    func end() {
        for member in unread { log.add(pointer.appending(member.name), "unknown member") }
    }
}

/// Reads a whole document, which must be an object.
func decodeDocument<Value>(
    _ value: JSONValue, _ read: (inout ObjectReader) -> Value?
) throws(DocumentFaults) -> Value {
    let log = FaultLog()
    let root = Field(value: value, pointer: .root, log: log)
    guard var object = root.object() else { return try log.finish(nil) }
    let result = read(&object)
    object.end()
    return try log.finish(result)
}
