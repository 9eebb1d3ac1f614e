//  The kinds of rows that tables consist of.

import JSON

extension Member {
    // Getters and setters are closures, because a key path is several times slower.
    typealias Getter<Value> = @Sendable (Root) -> Value
    typealias Setter<Value> = @Sendable (inout Root, Value) -> Void

    /// A member that requests may omit: the property keeps its default.
    static func optional<Value>(
        _ name: StaticString, _ get: @escaping Getter<Value>, _ set: @escaping Setter<Value>,
        _ codec: Codec<Value>, change: (@Sendable (Field, Value) -> Value?)? = nil
    ) -> Member {
        var member = required(name, get, set, codec)
        member.isRequired = false
        guard let change else { return member }
        member.change = { field, root in
            if let value = change(field, get(root)) { set(&root, value) }
        }
        return member
    }

    /// A member without a default.
    static func required<Value>(
        _ name: StaticString, _ get: @escaping Getter<Value>, _ set: @escaping Setter<Value>,
        _ codec: Codec<Value>
    ) -> Member {
        Member(
            name: "\(name)", isRequired: true,
            read: { field, root in
                guard let value = codec.read(field) else { return false }
                set(&root, value)
                return true
            },
            write: { root, writer in
                writer.key(name)
                codec.write(get(root), &writer)
            },
            restore: { record, root throws(RecordFault) in
                set(&root, try codec.restore(record))
            })
    }

    /// A member that is written only if it is set. A PATCH may set it, and remove it with `null`.
    static func limit<Value>(
        _ name: StaticString, _ get: @escaping Getter<Value?>, _ set: @escaping Setter<Value?>,
        _ codec: Codec<Value>
    ) -> Member {
        Member(
            name: "\(name)",
            read: { field, root in
                let value = codec.read(field)
                set(&root, value)
                return value != nil
            },
            write: { root, writer in
                guard let value = get(root) else { return }
                writer.key(name)
                codec.write(value, &writer)
            },
            restore: { record, root throws(RecordFault) in
                set(&root, try codec.restore(record))
            },
            change: { field, root in
                set(&root, field.value == .null ? nil : codec.read(field))
            })
    }

    /// A member that a PATCH may set, and with `null` sets to its default.
    static func changeable<Value: Sendable>(
        _ name: StaticString, _ get: @escaping Getter<Value>, _ set: @escaping Setter<Value>,
        _ codec: Codec<Value>, default value: Value
    ) -> Member {
        optional(name, get, set, codec) { field, _ in
            field.value == .null ? value : codec.read(field)
        }
    }

    /// An object, or map, that is written only if it is not `blank`. A PATCH merges into it, and
    /// removes it with `null`.
    static func merged<Value: Equatable & Sendable>(
        _ name: StaticString, _ get: @escaping Getter<Value>, _ set: @escaping Setter<Value>,
        blank: Value, _ codec: Codec<Value>,
        merge: @escaping @Sendable (Field, Value) -> Value?
    ) -> Member {
        var member = limit(
            name, { get($0) == blank ? nil : get($0) }, { set(&$0, $1 ?? blank) }, codec)
        member.change = { field, root in
            if field.value == .null { return set(&root, blank) }
            if let value = merge(field, get(root)) { set(&root, value) }
        }
        return member
    }

    /// A member that is `null` if it is not set, in documents and in requests.
    static func nullable<Value>(
        _ name: StaticString, _ get: @escaping Getter<Value?>, _ set: @escaping Setter<Value?>,
        _ codec: Codec<Value>, mayChange: Bool = false
    ) -> Member {
        var member = limit(name, get, set, codec)
        let read = member.read
        if !mayChange { member.change = nil }
        member.read = { field, root in
            guard field.value != .null else {
                set(&root, nil)
                return true
            }
            return read(field, &root)
        }
        member.write = { root, writer in
            writer.key(name)
            if let value = get(root) { codec.write(value, &writer) } else { writer.null() }
        }
        return member
    }

    /// An object in the document whose values are properties of the same `Root`.
    static func object(
        _ name: StaticString, isRequired: Bool = false, mayChange: Bool = false, _ members: [Member]
    ) -> Member {
        let table = SpecTable(members)
        var member = Member(
            name: "\(name)", isRequired: isRequired, nested: members,
            read: { field, root in field.readObject(table, into: &root) },
            write: { root, writer in
                writer.key(name)
                table.writeObject(root, to: &writer)
            },
            restore: { record, root throws(RecordFault) in
                try table.restore(record, into: &root)
            })
        guard mayChange else { return member }
        member.change = { field, root in table.merge(field, into: &root) }
        return member
    }

    /// A member that the contract defines and this version refuses.
    static func unsupported(_ name: StaticString) -> Member {
        Member(
            name: "\(name)", isSupported: false,
            read: { field, _ in
                field.refuseUnsupported("is not supported by this version")
                return false
            },
            write: { _, _ in }, restore: { _, _ in })
    }
}
