// A time in a query for a log, with the nanoseconds that logs have.

import Bytes
import Model

struct LogTime: Equatable {
    static let rule =
        "a time like 2026-11-27T08:30:00Z (RFC 3339), or a number of seconds before now"

    /// Seconds since 1970.
    private let seconds: Int64
    private let nanoseconds: Int64

    /// `now` in milliseconds since 1970.
    init?(_ text: String, now: Timestamp) {
        if let ago = API.seconds(text), ago <= 1e11 {
            let time = now.milliseconds - Int64((ago * 1000).rounded())
            seconds = (time - LogTime.remainder(time, 1000)) / 1000
            nanoseconds = LogTime.remainder(time, 1000) * 1_000_000
            return
        }
        let bytes = Array(text.utf8)
        guard bytes.count >= 20, bytes.count <= 64,
            let (fraction, zone) = LogTime.end(bytes[19...]),
            let whole = Timestamp(String(decoding: bytes[..<19], as: UTF8.self) + ".000Z")
        else { return nil }
        seconds = whole.milliseconds / 1000 - zone
        nanoseconds = fraction
    }

    private static func remainder(_ number: Int64, _ divisor: Int64) -> Int64 {
        let rest = number % divisor
        return rest < 0 ? rest + divisor : rest
    }

    /// `.5Z`, `Z`, `+01:00`: nanoseconds, and seconds east of UTC.
    private static func end(_ bytes: ArraySlice<UInt8>) -> (Int64, Int64)? {
        var rest = bytes
        var fraction: Int64 = 0
        if rest.first == UInt8(ascii: ".") {
            let digits = rest.dropFirst().prefix { (48...57).contains($0) }
            if digits.isEmpty { return nil }
            for place in 0..<9 {
                let digit = place < digits.count ? digits[digits.startIndex + place] - 48 : 0
                fraction = fraction * 10 + Int64(digit)
            }
            rest = rest[digits.endIndex...]
        }
        if rest.elementsEqual("Z".utf8) || rest.elementsEqual("z".utf8) { return (fraction, 0) }
        let zone = Array(rest)
        guard zone.count == 6, zone[3] == UInt8(ascii: ":"),
            let hours = wholeNumber(String(decoding: zone[1...2], as: UTF8.self)), hours < 24,
            let minutes = wholeNumber(String(decoding: zone[4...5], as: UTF8.self)), minutes < 60
        else { return nil }
        let size = Int64(hours * 3600 + minutes * 60)
        switch zone[0] {
        case UInt8(ascii: "+"): return (fraction, size)
        case UInt8(ascii: "-"): return (fraction, -size)
        default: return nil
        }
    }

    /// Milliseconds since 1970.
    var milliseconds: Int64 { seconds * 1000 + nanoseconds / 1_000_000 }

    /// The form of the times in logs.
    var text: String {
        let whole = Timestamp(milliseconds: seconds * 1000).description.upTo(".")
        let digits = "\(nanoseconds)"
        return whole + "." + String(repeating: "0", count: 9 - digits.utf8.count) + digits + "Z"
    }
}
