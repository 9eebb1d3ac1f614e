// Lists in pages. A page's token is the uid of the last item before the page, or the number of that
// operation's acceptance. So it stays valid while items come and go.

import Bytes
import Documents
import Model

/// The `limit` and the `page` of a request.
struct Paging: Sendable {
    let limit: Int
    let after: UID?

    static let usual = 100
    static let limit = 1000

    init(_ query: Query) throws(Problem) {
        limit =
            try query.value("limit", "a whole number from 1 to \(Paging.limit)") { text in
                wholeNumber(text).flatMap { (1...Paging.limit).contains($0) ? $0 : nil }
            } ?? Paging.usual
        after = try query.value("page", "the 'next' of an answer") { PageToken.uid($0) }
    }

    /// The page of those `items` that `matches` accepts.
    func list<Item: DocumentEncodable>(
        _ items: [Item], _ uid: (Item) -> UID, revision: UInt64, where matches: (Item) -> Bool
    ) -> HeapBytes {
        var list = ListWriter(limit: limit)
        var last: UID?
        for item in items[start(items, uid)...] where matches(item) {
            if list.isFull {
                return list.finish(next: last.map { PageToken.text($0) }, revision: revision)
            }
            list.add(item)
            last = uid(item)
        }
        return list.finish(next: nil, revision: revision)
    }

    /// The index after the token's item; if the item has gone, the index after all items as old as
    /// it.
    private func start<Item>(_ items: [Item], _ uid: (Item) -> UID) -> Int {
        guard let after else { return 0 }
        if let index = items.firstIndex(where: { uid($0) == after }) { return index + 1 }
        return items.firstIndex { uid($0) > after } ?? items.count
    }
}

/// Accepts only decimal digits.
func wholeNumber(_ text: String) -> Int? {
    let isDigits = text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    return isDigits ? Int(text) : nil
}

/// A uid in base64url (RFC 4648, section 5), 22 characters.
enum PageToken {
    private static let alphabet = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

    /// Six bits per character from the highest; the last character has two bits and four zeros.
    static func text(_ uid: UID) -> String {
        let bits = UInt128(uid.high) << 64 | UInt128(uid.low)
        let high = (0..<21).map { alphabet[Int(truncatingIfNeeded: bits >> (122 - 6 * $0)) & 63] }
        let low = alphabet[Int(truncatingIfNeeded: bits << 4) & 63]
        return String(decoding: high + [low], as: UTF8.self)
    }

    /// A position in the list of operations. It is a number, because clients choose the ids.
    static func text(_ creation: UInt64) -> String { text(UID(high: 0, low: creation)) }

    /// `nil` if the token belongs to another list.
    static func creation(_ uid: UID) -> UInt64? { uid.high == 0 ? uid.low : nil }

    static func uid(_ text: String) -> UID? {
        guard text.utf8.count == 22 else { return nil }
        var bits: UInt128 = 0
        for (place, character) in text.utf8.enumerated() {
            guard let digit = alphabet.firstIndex(of: character) else { return nil }
            if place == 21, digit & 15 != 0 { return nil }
            bits = place == 21 ? bits << 2 | UInt128(digit >> 4) : bits << 6 | UInt128(digit)
        }
        return UID(
            high: UInt64(truncatingIfNeeded: bits >> 64), low: UInt64(truncatingIfNeeded: bits))
    }
}
