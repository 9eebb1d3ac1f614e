//  The members of a spec, declared once. One row of a table says how a member is read from a
//  request, written to a document, restored from a record and changed by a PATCH. Two specs are
//  compared by what their table writes (Differences).

import JSON

/// The members of an object that describes a `Root`, in the order of the document.
struct SpecTable<Root>: Sendable {
    let members: [Member<Root>]

    init(_ members: [Member<Root>]) { self.members = members }

    /// Assigns the members that a request has to `root`, which begins with the defaults. Returns
    /// whether each required member has a value; all faults are noted.
    func read(_ object: inout ObjectReader, into root: inout Root) -> Bool {
        var isComplete = true
        for member in members {
            let field =
                member.isRequired ? object.require(member.name) : object.take(member.name)
            let isRead = field.map { member.read($0, &root) } ?? false
            if member.isRequired, !isRead { isComplete = false }
        }
        return isComplete
    }

    /// Writes the members into an object that the caller has begun.
    func write(_ root: Root, to writer: inout JSONWriter) {
        // A loop over the members themselves would copy each row, and count its references.
        for row in members.indices { members[row].write(root, &writer) }
    }

    func writeObject(_ root: Root, to writer: inout JSONWriter) {
        writer.beginObject()
        write(root, to: &writer)
        writer.endObject()
    }

    /// Assigns the members of a record to `root`. A record of an older version lacks newer members;
    /// they keep their defaults.
    func restore(_ record: RecordReader, into root: inout Root) throws(RecordFault) {
        for member in members {
            if member.isRequired {
                try member.restore(try record[member.name], &root)
            } else if let value = record.optional(member.name) {
                try member.restore(value, &root)
            }
        }
    }

    /// Applies a merge patch (RFC 7396) to `root`.
    func merge(_ object: inout ObjectReader, into root: inout Root) {
        for member in members where member.change == nil {
            object.take(member.name)?.refuse("cannot be changed")
        }
        for member in members {
            guard let change = member.change, let field = object.take(member.name) else { continue }
            change(field, &root)
        }
    }

    /// The same for a member; `null` is `null` for each of its members.
    func merge(_ field: Field, into root: inout Root) {
        if field.value == .null {
            for member in members { member.change?(field, &root) }
        } else if var object = field.object() {
            merge(&object, into: &root)
            object.end()
        }
    }
}

/// One row of a table.
struct Member<Root>: Sendable {
    let name: String
    /// Whether requests and records must have the member.
    var isRequired = false
    /// `false` if the contract reserves the name for a later version.
    var isSupported = true
    /// Whether only some values of another member allow this one.
    var isOfOneKind = false
    /// The rows of an object whose values are properties of the same `Root`.
    var nested: [Member<Root>] = []
    /// Returns whether the value was accepted; otherwise a fault was noted.
    var read: @Sendable (Field, inout Root) -> Bool
    /// Writes the name and the value.
    var write: @Sendable (Root, inout JSONWriter) -> Void
    var restore: @Sendable (RecordReader, inout Root) throws(RecordFault) -> Void
    /// How a PATCH changes the value; `nil` if it never changes.
    var change: (@Sendable (Field, inout Root) -> Void)?
}

extension Field {
    /// Reads an object into `root`, which begins with the defaults. Returns whether each required
    /// member has a value.
    func readObject<Root>(_ table: SpecTable<Root>, into root: inout Root) -> Bool {
        guard var object = object() else { return false }
        let isComplete = table.read(&object, into: &root)
        object.end()
        return isComplete
    }
}
