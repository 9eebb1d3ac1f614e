// The field Content-Range of a partial answer (RFC 9110, section 14.4).

import Bytes

/// `bytes first-last/total`.
struct ContentRange: Equatable, Sendable {
    let first: Int64
    /// Inclusive.
    let last: Int64
    /// `nil` if the server does not know it: `*`.
    let total: Int64?

    /// `nil` if the text is not such a range, or if its numbers contradict each other.
    init?(_ text: String) {
        let words = text.fields(" ")
        guard words.count == 2, words[0].lowered.isSame(as: "bytes"),
            let (range, total) = words[1].cut("/"), let (first, last) = range.cut("-"),
            let first = first.utf8.decimal(Int64.self), let last = last.utf8.decimal(Int64.self),
            first <= last
        else { return nil }
        self.first = first
        self.last = last
        if total.isSame(as: "*") {
            self.total = nil
            return
        }
        guard let total = total.utf8.decimal(Int64.self), last < total else { return nil }
        self.total = total
    }
}
