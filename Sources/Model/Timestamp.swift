// Wall-clock times. They are only for display: no decision depends on them (law 17).

/// Milliseconds since 1970-01-01T00:00:00Z. Not `Comparable`, so that no order can depend on it.
package struct Timestamp: Hashable, Sendable, CustomStringConvertible {
    /// Milliseconds since 1970-01-01T00:00:00Z, and negative before it.
    package let milliseconds: Int64

    package init(milliseconds: Int64) { self.milliseconds = milliseconds }

    /// RFC 3339 in UTC, with milliseconds.
    package var description: String {
        let seconds = floorDivide(milliseconds, 1000)
        let days = floorDivide(seconds, 86400)
        let (year, month, day) = civilDate(daysSinceEpoch: days)
        let second = seconds - days * 86400
        var text: [UInt8] = []
        text.reserveCapacity(24)
        append(year, 4, then: "-", to: &text)
        append(month, 2, then: "-", to: &text)
        append(day, 2, then: "T", to: &text)
        append(second / 3600, 2, then: ":", to: &text)
        append(second / 60 % 60, 2, then: ":", to: &text)
        append(second % 60, 2, then: ".", to: &text)
        append(milliseconds - seconds * 1000, 3, then: "Z", to: &text)
        return String(decoding: text, as: UTF8.self)
    }

    /// Reads what ``description`` writes; `nil` for anything else.
    package init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard bytes.count == 24, bytes[10] == UInt8(ascii: "T"), bytes[23] == UInt8(ascii: "Z")
        else { return nil }
        func number(_ range: Range<Int>) -> Int64? {
            Int64(String(decoding: bytes[range], as: UTF8.self))
        }
        guard let year = number(0..<4), let month = number(5..<7), let day = number(8..<10),
            let hour = number(11..<13), let minute = number(14..<16), let second = number(17..<19),
            let millisecond = number(20..<23)
        else { return nil }
        let days = daysSinceEpoch(year: year, month: month, day: day)
        let time = days * 86400 + hour * 3600 + minute * 60 + second
        self.init(milliseconds: time * 1000 + millisecond)
        // A 30 February, a sign or another separator is never in our output.
        guard description == text else { return nil }
    }
}

/// Appends `number` in at least `width` digits, and the byte after it.
private func append(
    _ number: Int64, _ width: Int, then end: Unicode.Scalar, to text: inout [UInt8]
) {
    var scale: Int64 = 1
    for _ in 1..<width { scale *= 10 }
    if number < 0 { text.append(UInt8(ascii: "-")) }
    var rest = Int64(number.magnitude)
    while scale <= rest / 10 { scale *= 10 }
    while scale > 0 {
        text.append(UInt8(ascii: "0") + UInt8(rest / scale))
        rest %= scale
        scale /= 10
    }
    text.append(UInt8(ascii: end))
}

private func floorDivide(_ number: Int64, _ divisor: Int64) -> Int64 {
    let quotient = number / divisor
    return number % divisor < 0 ? quotient - 1 : quotient
}

/// Returns the proleptic Gregorian date of a day. It counts in eras of 400 years that begin on 1
/// March, so that the leap day is the last day of its year.
private func civilDate(daysSinceEpoch: Int64) -> (year: Int64, month: Int64, day: Int64) {
    let shifted = daysSinceEpoch + 719_468
    let era = floorDivide(shifted, 146_097)
    let dayOfEra = shifted - era * 146_097
    let yearOfEra =
        (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let marchMonth = (5 * dayOfYear + 2) / 153
    let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
    let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    return (year, month, dayOfYear - (153 * marchMonth + 2) / 5 + 1)
}

/// The inverse of `civilDate`.
private func daysSinceEpoch(year: Int64, month: Int64, day: Int64) -> Int64 {
    let marchYear = month <= 2 ? year - 1 : year
    let era = floorDivide(marchYear, 400)
    let yearOfEra = marchYear - era * 400
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    return era * 146_097 + dayOfEra - 719_468
}
