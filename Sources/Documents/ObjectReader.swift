//  A cursor over an object: it hands out members by name and refuses what nobody asked for.

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

    /// The member, which from now on counts as known; `nil` where it is not there.
    mutating func take(_ name: String) -> Field? {
        guard let index = unread.firstIndex(where: { $0.name.isSame(as: name) }) else { return nil }
        let member = unread.remove(at: index)
        return Field(value: member.value, pointer: pointer.appending(name), log: log)
    }

    /// The member; a fault where it is not there.
    mutating func require(_ name: String) -> Field? {
        if let field = take(name) { return field }
        log.add(pointer.appending(name), "is required")
        return nil
    }

    /// Refuses members that the contract names and this version leaves out.
    mutating func refuseUnsupported(_ names: [String]) {
        for name in names {
            take(name)?.refuseUnsupported("is not supported by this version")
        }
    }

    /// Refuses members that stand in the object and cannot be changed.
    mutating func refuseFixed(_ names: [String]) {
        for name in names { take(name)?.refuse("cannot be changed") }
    }

    /// Refuses every member that was not taken.
    func end() {
        for member in unread { log.add(pointer.appending(member.name), "unknown member") }
    }
}

/// Reads the object that a whole document must be, to its end.
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
