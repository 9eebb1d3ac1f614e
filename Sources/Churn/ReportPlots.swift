// The plots of one target.

extension TargetResult {
    var section: String {
        var text = "<h2>\(target.rawValue)</h2>\n" + ratePlot
        text += "<div class=\"grid\">\(latencyPlots)</div>\n"
        guard target == .staunch else { return text }
        text += "<h2>What \(target.rawValue) takes</h2>\n<div class=\"grid two\">"
        text += plot("Resident memory of the daemon", .bytes, \.memory)
        text += plot("Private memory of a shim, mean", .bytes) { shims($0, \.memory) }
        text += plot("Open descriptors of the daemon", .count, \.descriptors)
        text += plot("Open descriptors of a shim, mean", .count) {
            shims($0, \.descriptors)
        }
        return text + "</div>\n" + account
    }

    private func shims(_ sample: Sample, _ value: (ShimUsage) -> Double) -> Double? {
        sample.shims.count > 0 ? value(sample.shims) : nil
    }

    private var end: Double { max(seconds, samples.last?.at ?? 0) }

    private var ratePlot: String {
        let line = Series(name: "pods a second", style: "a", points: rates)
        let plot = LinePlot(
            label: "pods a second over the time of the run", series: [line], seconds: end,
            kills: kills, unit: .plain, text: Figure.count)
        let victims = Set(kills.map(\.victim.rawValue)).sorted()
        let marks = victims.map { "<span><i class=\"\($0)\"></i>\($0) killed</span>" }
        let legend =
            victims.isEmpty
            ? ""
            : "<div class=\"legend\"><span><i class=\"a\"></i>pods</span>\(marks.joined())</div>"
        return """
            <div class="card wide"><h3>Pods a second</h3>\(legend)\(plot.svg)</div>

            """
    }

    /// The rates over windows that are wide enough to leave about 120 points.
    var rates: [(at: Double, value: Double?)] {
        let width = max(1, (end / 120).rounded(.up))
        var found: [(at: Double, value: Double?)] = []
        guard var last = samples.first else { return [] }
        for sample in samples where sample.at - last.at >= width * 0.95 {
            let value = Double(sample.pods - last.pods) / (sample.at - last.at)
            found.append((at: (sample.at + last.at) / 2, value: value))
            last = sample
        }
        return found
    }

    private var latencyPlots: String {
        Phase.allCases.compactMap { phase in
            latencies.summary(phase).map { summary in
                let plot = HistogramPlot(label: "latencies: \(phase.title)", summary: summary)
                return card(phase.title, "\(summary.count)", plot.svg)
            }
        }.joined()
    }

    private func plot(
        _ title: String, _ unit: Scale.Unit, _ value: (Sample) -> Double?
    ) -> String {
        let points = samples.map { (at: $0.at, value: value($0)) }
        let isBytes = unit == .bytes
        let plot = LinePlot(
            label: title, series: [Series(name: title, style: "a", points: points)], seconds: end,
            frame: Frame(width: 470, height: 170, left: 62), unit: unit,
            text: { isBytes ? Figure.wholeBytes($0) : Figure.count($0) })
        return card(title, "", plot.svg)
    }

    /// The audit by kind. A sentence lists the kinds that never occurred.
    private var account: String {
        let taken = samples.filter { !$0.account.isEmpty }
        let kinds = taken.first?.account.map(\.kind) ?? []
        let quiet = kinds.filter { kind in
            taken.allSatisfy { $0.account(kind).map { $0.recorded + $0.observed == 0 } ?? true }
        }
        let plots = kinds.filter { !quiet.contains($0) }.map { accountPlot($0, taken) }
        var text = "<h2>Recorded against observed</h2>\n"
        text += """
            <p class="soft">Recorded is what has to be there: what belongs to pods that are \
            neither on their way up nor down. Unrecorded is the leak.</p>

            """
        if !quiet.isEmpty {
            text += "<p class=\"soft\">None at any time: \(quiet.joined(separator: ", ")).</p>\n"
        }
        return text + "<div class=\"grid\">\(plots.joined())</div>\n"
    }

    private func accountPlot(_ kind: String, _ taken: [Sample]) -> String {
        func line(_ name: String, _ style: String, _ value: (AccountLine) -> Int) -> Series {
            let points = taken.map { sample in
                (at: sample.at, value: sample.account(kind).map { Double(value($0)) })
            }
            return Series(name: name, style: style, points: points)
        }
        let series = [
            line("observed", "b", \.observed), line("recorded", "a", \.recorded),
            line("unrecorded", "bad") { $0.unrecorded.count },
        ]
        let plot = LinePlot(
            label: "\(kind): recorded and observed", series: series, seconds: end,
            frame: Frame(width: 420, height: 150, left: 40), text: Figure.count)
        let legend = series.map { "<span><i class=\"\($0.style)\"></i>\($0.name)</span>" }
        return card(kind, "", "<div class=\"legend\">\(legend.joined())</div>" + plot.svg)
    }

    private func card(_ title: String, _ note: String, _ content: String) -> String {
        let soft = note.isEmpty ? "" : " <span class=\"soft\">\(note)</span>"
        return "<div class=\"card\"><h3>\(Markup.escaped(title))\(soft)</h3>\(content)</div>\n"
    }
}
