// Numbers for people, and the mathematics that plots need.

import Glibc

func binaryLogarithm(_ number: Double) -> Double { log2(number) }
func powerOfTwo(_ number: Double) -> Double { exp2(number) }
func powerOfTen(_ number: Double) -> Double { pow(10, number) }
func decimalLogarithm(_ number: Double) -> Double { log10(number) }

package enum Figure {
    /// Formats a number with `digits` digits after the point.
    package static func fixed(_ number: Double, _ digits: Int) -> String {
        guard number.isFinite, abs(number) < 1e15 else { return "–" }
        let scale = powerOfTen(Double(digits))
        let whole = Int64((abs(number) * scale).rounded())
        let sign = number < 0 && whole != 0 ? "-" : ""
        guard digits > 0 else { return "\(sign)\(whole)" }
        let rest = String(whole % Int64(scale))
        let zeros = String(repeating: "0", count: digits - rest.count)
        return "\(sign)\(whole / Int64(scale)).\(zeros)\(rest)"
    }

    /// Three digits, in a suitable unit.
    package static func seconds(_ number: Double) -> String {
        switch number {
        case ..<0.001: "\(short(number * 1e6)) µs"
        case ..<1: "\(short(number * 1e3)) ms"
        case ..<120: "\(short(number)) s"
        default: "\(fixed(number / 60, 1)) min"
        }
    }

    package static func bytes(_ number: Double) -> String {
        switch abs(number) {
        case ..<1024: "\(fixed(number, 0)) B"
        case ..<1_048_576: "\(short(number / 1024)) KiB"
        case ..<1_073_741_824: "\(short(number / 1_048_576)) MiB"
        default: "\(short(number / 1_073_741_824)) GiB"
        }
    }

    /// The label of an axis tick: `0`, `200 KiB`, `15 MiB`.
    static func wholeBytes(_ number: Double) -> String {
        guard number > 0 else { return "0" }
        let sizes = [("GiB", 1_073_741_824.0), ("MiB", 1_048_576), ("KiB", 1024), ("B", 1)]
        let (name, size) = sizes.first { number >= $0.1 } ?? ("B", 1)
        let value = number / size
        return "\(fixed(value, value == value.rounded() ? 0 : 1)) \(name)"
    }

    /// About three digits: `0.12`, `1.23`, `12.3`, `123`.
    package static func short(_ number: Double) -> String {
        switch abs(number) {
        case ..<9.995: fixed(number, 2)
        case ..<99.95: fixed(number, 1)
        default: fixed(number, 0)
        }
    }

    /// `1:02:03` or `2:03`.
    package static func clock(_ seconds: Double) -> String {
        let whole = Int(max(0, seconds))
        let (hours, minutes) = (whole / 3600, whole / 60 % 60)
        let rest = two(whole % 60)
        return hours > 0 ? "\(hours):\(two(minutes)):\(rest)" : "\(minutes):\(rest)"
    }

    private static func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
}

extension String {
    /// Padded with blanks to `width` characters.
    func padded(_ width: Int, left: Bool = false) -> String {
        let blanks = String(repeating: " ", count: max(0, width - count))
        return left ? blanks + self : self + blanks
    }
}
