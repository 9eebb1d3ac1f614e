// Maps values to positions, and chooses round values for an axis.

package struct Scale: Sendable {
    package let low: Double
    package let high: Double
    package let ticks: [Double]
    private let isLogarithmic: Bool

    package enum Unit: Sendable {
        case plain
        /// Steps are whole numbers, and few.
        case count
        /// Steps are round in KiB, MiB or GiB.
        case bytes
    }

    /// From 0 to the first round value that is not below `most`.
    package static func upTo(_ most: Double, unit: Unit = .plain, parts: Int = 4) -> Scale {
        let most = max(most, unit == .count ? 1 : 1e-9)
        var step = most / Double(parts)
        switch unit {
        case .plain: step = roundStep(step)
        case .count: step = max(1, roundStep(step))
        case .bytes:
            let size = powerOfTwo(10 * (binaryLogarithm(max(step, 1)) / 10).rounded(.down))
            step = roundStep(step / size) * size
        }
        let count = max(1, Int((most / step).rounded(.up)))
        return Scale(
            low: 0, high: Double(count) * step, ticks: (0...count).map { Double($0) * step },
            isLogarithmic: false)
    }

    /// Seconds of a run: from 0 to its end, which need not be round.
    package static func time(_ seconds: Double) -> Scale {
        let end = max(seconds, 1)
        let steps: [Double] = [
            1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400,
        ]
        let step = steps.first { end / $0 <= 8 } ?? 864_000
        let ticks = stride(from: 0, through: end, by: step)
        return Scale(low: 0, high: end, ticks: Array(ticks), isLogarithmic: false)
    }

    /// Whole decades around the shown values.
    package static func decades(_ least: Double, _ most: Double) -> Scale {
        let from = decimalLogarithm(max(least, 1e-9)).rounded(.down)
        let to = max(from + 1, decimalLogarithm(max(most, 1e-9)).rounded(.up))
        let ticks = stride(from: from, through: to, by: 1).map(powerOfTen)
        return Scale(
            low: powerOfTen(from), high: powerOfTen(to), ticks: ticks, isLogarithmic: true)
    }

    /// 0 at the low end, 1 at the high end.
    package func place(_ value: Double) -> Double {
        guard isLogarithmic else { return (value - low) / (high - low) }
        let (from, to) = (decimalLogarithm(low), decimalLogarithm(high))
        return (decimalLogarithm(max(value, low)) - from) / (to - from)
    }

    /// 1, 2 or 5 times a power of ten, not below `least`.
    private static func roundStep(_ least: Double) -> Double {
        let power = powerOfTen(decimalLogarithm(least).rounded(.down))
        return [1, 2, 5, 10].map { $0 * power }.first { $0 >= least * 0.999 } ?? power
    }
}

/// The area of a plot, in pixels of its own.
struct Frame {
    var width = 720.0
    var height = 200.0
    var left = 56.0
    var right = 14.0
    var top = 12.0
    var bottom = 26.0

    func x(_ share: Double) -> Double { left + share * (width - left - right) }
    func y(_ share: Double) -> Double { height - bottom - share * (height - top - bottom) }

    func axes(
        _ horizontal: Scale, _ vertical: Scale, _ xText: (Double) -> String,
        _ yText: (Double) -> String
    ) -> String {
        var drawn = ""
        for tick in vertical.ticks {
            let y = y(vertical.place(tick))
            drawn += Markup.line("grid", x(0), y, x(1), y)
            drawn += Markup.text("tick", left - 7, y + 4, anchor: "end", yText(tick))
        }
        for tick in horizontal.ticks {
            let place = horizontal.place(tick)
            let anchor = place > 0.97 ? "end" : place < 0.03 ? "start" : "middle"
            drawn += Markup.text("tick", x(place), height - 8, anchor: anchor, xText(tick))
        }
        return drawn
    }

    func svg(_ label: String, _ content: String) -> String {
        let box = "0 0 \(Markup.pixel(width)) \(Markup.pixel(height))"
        return """
            <svg viewBox="\(box)" role="img" aria-label="\(Markup.escaped(label))">\(content)</svg>

            """
    }
}
