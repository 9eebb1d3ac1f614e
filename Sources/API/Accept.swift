// The Accept header (RFC 9110, section 12.5.1).

import Bytes

/// Returns the best of `offers` (media types without parameters) for an Accept header; `nil` if the
/// header excludes all of them. The first offer wins between equals, or if there is no header.
func negotiate(_ accept: String?, _ offers: [String]) -> String? {
    guard let accept, accept != "*/*", !accept.isEmpty else { return offers.first }
    if offers.count == 1, accept == offers[0] { return accept }
    let ranges = accept.fields(",").compactMap(MediaRange.init)
    var best: (offer: String, quality: Double)?
    for offer in offers {
        let match = ranges.filter { $0.matches(offer) }.max { $0.rank < $1.rank }
        guard let quality = match?.quality, quality > best?.quality ?? 0 else { continue }
        best = (offer, quality)
    }
    return best?.offer
}

/// One item of the header, such as `text/*;q=0.5`.
private struct MediaRange {
    let type: String
    let quality: Double

    init?(_ item: String) {
        let parts = item.fields(";").map { trimmed($0).lowered }
        guard let first = parts.first else { return nil }
        // Java's own client sends `*; q=.2` and means any type.
        type = first.isSame(as: "*") ? "*/*" : first
        guard type.has("/") else { return nil }
        let weight = parts.dropFirst().lazy.compactMap { $0.after("q=") }.first
        quality = weight.map(MediaRange.quality) ?? 1
    }

    /// From 0 to 1, with or without the leading `0`. A weight that cannot be read counts as 1.
    private static func quality(_ weight: String) -> Double {
        seconds(weight.begins(with: ".") ? "0" + weight : weight).map { min($0, 1) } ?? 1
    }

    /// The most specific range decides.
    var rank: Int { type == "*/*" ? 0 : type.ends(with: "/*") ? 1 : 2 }

    func matches(_ offer: String) -> Bool {
        switch rank {
        case 0: true
        case 1: type.before("*").map(offer.begins) ?? false
        default: offer == type
        }
    }
}
