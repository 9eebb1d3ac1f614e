// Strict parsing of the query: no parameter is ignored. The detail names the faulty parameter,
// because a JSON pointer cannot name a place in a query.

import Documents
import Model

/// A request's query parameters; the route must know every name.
struct Query: Sendable {
    private let members: [(name: String, value: String?)]
    private let instance: String

    /// Parameters that may occur more than once.
    static let repeatable: Set<String> = ["label"]

    /// Refuses names that are not in `known`, and a second value of a parameter that is not
    /// repeatable.
    init(
        _ members: [(name: String, value: String?)], known: [String], instance: String
    ) throws(Problem) {
        self.members = members
        self.instance = instance
        guard !members.isEmpty else { return }
        var faults: [String] = []
        var seen: Set<String> = []
        for (name, _) in members {
            let isFirst = seen.insert(name).inserted
            if !known.contains(name) {
                if isFirst { faults.append("there is no query parameter '\(name)' here") }
            } else if !isFirst, !Query.repeatable.contains(name) {
                faults.append("the query parameter '\(name)' comes more than once")
            }
        }
        guard !faults.isEmpty else { return }
        let detail = faults.prefix(16).joined(separator: ", ")
        throw Problem(.malformedRequest, detail, instance: instance)
    }

    /// The value as `read` converts it, `nil` if there is none. If `read` does not accept the
    /// value, it is refused with `rule`.
    func value<Value>(
        _ name: String, _ rule: String, _ read: (String) -> Value?
    ) throws(Problem) -> Value? {
        guard !members.isEmpty, let member = members.first(where: { $0.name == name }) else {
            return nil
        }
        guard let value = member.value.flatMap(read) else {
            throw refusal(name, rule)
        }
        return value
    }

    /// Every value of a parameter that may be repeated.
    func values<Value>(
        _ name: String, _ rule: String, _ read: (String) -> Value?
    ) throws(Problem) -> [Value] {
        var values: [Value] = []
        for member in members where member.name == name {
            guard let value = member.value.flatMap(read) else {
                throw refusal(name, rule)
            }
            values.append(value)
        }
        return values
    }

    private func refusal(_ name: String, _ rule: String) -> Problem {
        let detail = "the query parameter '\(name)' must be \(rule)"
        return Problem(.malformedRequest, detail, instance: instance)
    }
}

// MARK: Parameters of several routes

extension Query {
    func flag(_ name: String) throws(Problem) -> Bool {
        try value(name, "true or false") { ["true": true, "false": false][$0] } ?? false
    }

    func uid() throws(Problem) -> UID? { try value("uid", "a UUID") { UID($0) } }

    /// Milliseconds.
    func grace() throws(Problem) -> Int64? {
        let range = DocumentLimits.grace
        return try value("grace", "a number of seconds from 0 to 86400") { text in
            seconds(text).flatMap { range.contains($0) ? Int64(($0 * 1000).rounded()) : nil }
        }
    }

    /// Seconds.
    func wait() throws(Problem) -> Double? {
        let range = 0.0...Double(Waiting.limit)
        return try value("wait", "a number of seconds from 0 to \(Waiting.limit)") { text in
            seconds(text).flatMap { range.contains($0) ? $0 : nil }
        }
    }

    func state<State: RawRepresentable & CaseIterable>(
        _: State.Type
    ) throws(Problem) -> State? where State.RawValue == String {
        let names = State.allCases.map(\.rawValue).joined(separator: ", ")
        return try value("state", "one of \(names)") { State(rawValue: $0) }
    }
}

/// Digits with a point and an exponent, and no negative number. `Double` would also accept `inf`
/// and `0x1p3`. `1e-05` is accepted, because some languages write 0.00001 that way.
func seconds(_ text: String) -> Double? {
    let isPlain = text.utf8.allSatisfy { byte in
        "0123456789.eE+-".utf8.contains(byte)
    }
    guard isPlain, text.utf8.count <= 32, let first = text.utf8.first,
        first != UInt8(ascii: "."), first != UInt8(ascii: "+"),
        let number = Double(text), number >= 0
    else { return nil }
    return number
}
