// The two kinds of plots: lines over the time of the run, and a histogram of latencies.

/// A line; `nil` is a gap.
struct Series {
    let name: String
    /// The CSS class of the line: `a`, `b` or `bad`.
    let style: String
    let points: [(at: Double, value: Double?)]

    var most: Double { points.compactMap(\.value).max() ?? 0 }

    /// The series with at most `limit` points, each the mean of the points that it replaces.
    func thinned(_ limit: Int) -> Series {
        guard points.count > limit else { return self }
        let width = (points.count + limit - 1) / limit
        let thin = stride(from: 0, to: points.count, by: width).map { start in
            let part = points[start..<min(start + width, points.count)]
            let values = part.compactMap(\.value)
            let mean = values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
            return (at: part[start].at, value: mean)
        }
        return Series(name: name, style: style, points: thin)
    }
}

struct LinePlot {
    let label: String
    let series: [Series]
    let seconds: Double
    var kills: [Kill] = []
    var frame = Frame()
    var unit = Scale.Unit.count
    let text: (Double) -> String

    var svg: String {
        let time = Scale.time(seconds)
        let values = Scale.upTo(series.map(\.most).max() ?? 1, unit: unit)
        var content = frame.axes(time, values, Figure.clock, text)
        for kill in kills {
            let x = frame.x(time.place(kill.at))
            let name = "\(kill.victim.rawValue) killed at \(Figure.clock(kill.at))"
            content += "<g><title>\(name)</title>"
            content += Markup.line("kill \(kill.victim.rawValue)", x, frame.y(0), x, frame.y(1))
            content += "</g>"
        }
        for line in series { content += path(line.thinned(400), time, values) }
        return frame.svg(label, content)
    }

    private func path(_ line: Series, _ time: Scale, _ values: Scale) -> String {
        var drawn = ""
        var piece: [(x: Double, y: Double)] = []
        for point in line.points + [(at: 0, value: nil)] {
            if let value = point.value {
                let x = frame.x(time.place(point.at))
                piece.append((x: x, y: frame.y(values.place(value))))
            } else if !piece.isEmpty {
                drawn += Markup.path("line \(line.style)", piece)
                piece = []
            }
        }
        return drawn
    }
}

/// Counts over a logarithmic axis of seconds, with p50 and p99 marked.
struct HistogramPlot {
    let label: String
    let summary: LatencySummary
    var frame = Frame(width: 350, height: 180, left: 44, top: 34)

    var svg: String {
        let least = summary.bars.first?.start ?? 0.001
        let most = summary.bars.last?.end ?? 1
        let times = Scale.decades(least, most)
        let counts = Scale.upTo(
            Double(summary.bars.map(\.count).max() ?? 1), unit: .count, parts: 3)
        var content = frame.axes(times, counts, Figure.decade) { Figure.count($0) }
        for bar in summary.bars {
            let (start, end) = (frame.x(times.place(bar.start)), frame.x(times.place(bar.end)))
            let top = frame.y(counts.place(Double(bar.count)))
            let range = "\(Figure.seconds(bar.start)) – \(Figure.seconds(bar.end))"
            content += """
                <rect class="bar" x="\(Markup.pixel(start + 0.5))" y="\(Markup.pixel(top))" \
                width="\(Markup.pixel(max(1, end - start - 1)))" \
                height="\(Markup.pixel(frame.y(0) - top))"><title>\(range): \(bar.count)</title>\
                </rect>
                """
        }
        for (name, value) in [("p50", summary.p50), ("p99", summary.p99)] {
            let x = frame.x(times.place(value))
            // Above the bars, with the later label higher, so that labels do not overlap.
            let y = name == "p50" ? 27.0 : 12.0
            content += Markup.line("mark", x, frame.y(0), x, y - 9)
            let isLeft = times.place(value) < 0.3
            content += Markup.text(
                "markText", x + (isLeft ? 4 : -4), y, anchor: isLeft ? "start" : "end",
                "\(name) \(Figure.seconds(value))")
        }
        return frame.svg(label, content)
    }
}

extension Figure {
    /// The label of a decade of seconds: `1 ms`, `10 ms`, `1 s`.
    static func decade(_ seconds: Double) -> String {
        switch seconds {
        case ..<0.00099: "\(fixed(seconds * 1e6, 0)) µs"
        case ..<0.99: "\(fixed(seconds * 1e3, 0)) ms"
        default: "\(fixed(seconds, 0)) s"
        }
    }

    /// A count as text: `500`, `2k`, `1.5M`.
    static func count(_ count: Double) -> String {
        switch count {
        case ..<1: fixed(count, count == 0 ? 0 : 1)
        case ..<10000: fixed(count, count == count.rounded() ? 0 : 1)
        case ..<1e6: "\(fixed(count / 1e3, 0))k"
        default: "\(fixed(count / 1e6, 1))M"
        }
    }
}
