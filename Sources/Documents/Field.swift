//  One value of a document and its place. Its functions return the expected value, or note a fault
//  and return `nil`. `nil` always means that a fault was noted.

import JSON

struct Field {
    let value: JSONValue
    let pointer: JSONPointer
    let log: FaultLog

    /// Notes a fault at this place.
    func refuse(_ detail: String) { log.add(pointer, detail) }

    func refuseUnsupported(_ detail: String) { log.add(pointer, detail, isNotSupported: true) }

    func bool() -> Bool? { expect(value.bool, "a boolean") }

    /// A string without NUL, because the kernel's interfaces accept no NUL in a string.
    func string() -> String? {
        guard let text = expect(value.string, "a string") else { return nil }
        guard !text.utf8.contains(0) else {
            refuse("must not contain NUL")
            return nil
        }
        return text
    }

    func integer(in range: ClosedRange<Int64>) -> Int64? {
        guard let number = expect(value.integer, "a whole number") else { return nil }
        guard range.contains(number) else {
            refuse("must be \(range.lowerBound) to \(range.upperBound), and is \(number)")
            return nil
        }
        return number
    }

    /// A number of seconds or CPUs, in thousandths, rounded to the nearest thousandth.
    func thousandths(in range: ClosedRange<Double>) -> Int64? {
        guard let number = expect(value.number, "a number") else { return nil }
        guard range.contains(number) else {
            let (low, high) = (shortest(range.lowerBound), shortest(range.upperBound))
            refuse("must be \(low) to \(high), and is \(shortest(number))")
            return nil
        }
        return Int64((number * 1000).rounded())
    }

    func object() -> ObjectReader? {
        expect(value.members, "an object").map {
            ObjectReader(members: $0, pointer: pointer, log: log)
        }
    }

    /// The elements, at most `limit` of them.
    func elements(limit: Int) -> [Field]? {
        guard let elements = expect(value.elements, "an array"),
            isWithin(limit, elements.count)
        else { return nil }
        return elements.enumerated().map { index, element in
            Field(value: element, pointer: pointer.appending(index), log: log)
        }
    }

    /// The members of an object whose names the client chooses, at most `limit` of them.
    func entries(limit: Int) -> [(name: String, field: Field)]? {
        guard let members = expect(value.members, "an object"), isWithin(limit, members.count)
        else { return nil }
        return members.map { member in
            let place = pointer.appending(member.name)
            return (member.name, Field(value: member.value, pointer: place, log: log))
        }
    }

    /// A string that `make` accepts; `rule` describes which strings are accepted.
    func parsed<Value>(_ rule: String, _ make: (String) -> Value?) -> Value? {
        guard let text = string() else { return nil }
        let value = make(text)
        if value == nil { refuse("must be \(rule), and is '\(text.prefix(80))'") }
        return value
    }

    private func expect<Value>(_ value: Value?, _ kind: String) -> Value? {
        if value == nil { refuse("must be \(kind), and is \(self.value.kindName)") }
        return value
    }

    private func isWithin(_ limit: Int, _ count: Int) -> Bool {
        if count > limit { refuse("has \(count) entries, and \(limit) are allowed") }
        return count <= limit
    }
}

/// The number in its shortest form: 10 instead of 10.0.
func shortest(_ number: Double) -> String {
    Int64(exactly: number).map(String.init) ?? number.description
}
