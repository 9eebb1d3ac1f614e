// Documents as values, and values as literals for comparison.

import JSON

func parsed(_ json: [UInt8]) throws -> JSONValue { try JSONValue.parse(json) }

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    init(stringLiteral text: String) { self = .string(text) }
    init(integerLiteral number: Int64) { self = .integer(number) }
    init(arrayLiteral items: JSONValue...) { self = .array(items) }
    init(dictionaryLiteral members: (String, JSONValue)...) {
        self = .object(members.map { JSONMember(name: $0, value: $1) })
    }
}
