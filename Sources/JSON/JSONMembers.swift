//  Whole members of an object: a literal name and its value in one call.

extension JSONWriter {
    package mutating func member(_ name: StaticString, _ text: String) {
        key(name)
        value(text)
    }

    package mutating func member(_ name: StaticString, _ text: String?) {
        key(name)
        if let text { value(text) } else { null() }
    }

    package mutating func member(_ name: StaticString, _ number: Int64?) {
        key(name)
        if let number { value(number) } else { null() }
    }

    package mutating func member(_ name: StaticString, _ number: Int) {
        key(name)
        value(number)
    }

    package mutating func member(_ name: StaticString, _ number: UInt64) {
        key(name)
        value(number)
    }

    package mutating func member(_ name: StaticString, _ flag: Bool) {
        key(name)
        value(flag)
    }

    package mutating func member(_ name: StaticString, _ map: [String: String]) {
        key(name)
        value(map)
    }

    package mutating func member(_ name: StaticString, _ texts: [String]) {
        key(name)
        value(texts)
    }

    /// An object whose members `body` writes.
    package mutating func object(_ name: StaticString, _ body: (inout JSONWriter) -> Void) {
        key(name)
        beginObject()
        body(&self)
        endObject()
    }

    /// An array; `write` writes exactly one value for each item.
    package mutating func list<Item>(
        _ name: StaticString, _ items: [Item], _ write: (inout JSONWriter, Item) -> Void
    ) {
        key(name)
        beginArray()
        for item in items { write(&self, item) }
        endArray()
    }
}
