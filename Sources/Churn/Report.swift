// The page of `--report`: one file that needs no network and no script.

extension RunResult {
    package var page: String {
        """
        <!doctype html>
        <html lang="en"><head><meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>Pod churn</title><style>
        \(ReportStyle.text)
        </style></head><body><main>
        \(head)\(comparison)\(checkList)\(targets.map(\.section).joined())\(about)
        </main></body></html>

        """
    }

    private var head: String {
        let (failed, unseen) = (count(.failed), count(.unseen))
        let (style, words) =
            failed > 0
            ? ("bad", "\(failed) of \(checks.count) checks failed")
            : unseen > 0
                ? ("soft", "\(unseen) of \(checks.count) checks not seen")
                : ("good", "nothing left")
        let verdict = "<span class=\"verdict \(style)\">\(words)</span>"
        let what = targets.map { "\($0.pods) pods of \($0.target.rawValue)" }
        var text = "<h1>Pod churn \(verdict)</h1>\n"
        let when = machine.first { $0.name == "when" }?.value ?? ""
        text += "<p class=\"soft\">\(what.joined(separator: ", ")) · \(when)</p>\n"
        if let cutShort {
            text += "<p class=\"bad\">Ended early: \(Markup.escaped(cutShort))</p>\n"
        }
        if let first = targets.first { text += first.tiles }
        return text
    }

    /// Empty if there is nothing to compare.
    private var comparison: String {
        guard targets.count > 1 else { return "" }
        var text = "<h2>Side by side</h2><div class=\"card\">\(htmlTable(targetRows))"
        for line in comparisons { text += "<p class=\"soft\">\(Markup.escaped(line))</p>" }
        return text + "</div>\n"
    }

    private var checkList: String {
        var text = "<h2>What had to hold</h2><div class=\"card\"><table class=\"checks\">"
        for check in checks {
            let (style, mark) =
                switch check.outcome {
                case .passed: ("good", "held")
                case .failed: ("bad", "failed")
                case .unseen: ("soft", "not seen")
                case .noted: ("soft", "noted")
                }
            text += "<tr><td class=\"\(style)\">\(mark)</td><td>\(Markup.escaped(check.name))"
            if !check.details.isEmpty {
                let items = check.details.prefix(50).map { "<li>\(Markup.escaped($0))</li>" }
                text += "<ul>\(items.joined())</ul>"
            }
            text += "</td><td class=\"soft\">\(Markup.escaped(check.seen))</td></tr>\n"
        }
        return text + "</table></div>\n"
    }

    private var about: String {
        var text = "<h2>Latencies</h2><div class=\"card\">\(htmlTable(latencyRows))</div>\n"
        text += "<h2>The run and the machine</h2><div class=\"card\"><table class=\"checks\">"
        for item in settings + machine {
            text +=
                "<tr><td class=\"soft name\">\(Markup.escaped(item.name))</td>"
            text += "<td class=\"value\">\(Markup.escaped(item.value))</td></tr>\n"
        }
        return text + "</table></div>\n"
    }

    private func htmlTable(_ rows: [[String]]) -> String {
        let lines = rows.enumerated().map { index, row in
            let tag = index == 0 ? "th" : "td"
            let cells = row.map { "<\(tag)>\(Markup.escaped($0))</\(tag)>" }
            return "<tr>\(cells.joined())</tr>"
        }
        return "<table>\(lines.joined(separator: "\n"))</table>"
    }
}

extension TargetResult {
    fileprivate var tiles: String {
        let pod = latencies.summary(.pod)
        let items = [
            ("\(pods)", "pods made, and gone"), (Figure.short(rate), "pods a second"),
            (pod.map { Figure.seconds($0.p50) } ?? "–", "create to gone, p50"),
            (pod.map { Figure.seconds($0.p99) } ?? "–", "create to gone, p99"),
            (cpuPerPod.map(Figure.seconds) ?? "–", "CPU a pod"),
            ("\(kills.count)", "kills"),
        ]
        let tiles = items.map { "<div class=\"tile\"><b>\($0.0)</b><span>\($0.1)</span></div>" }
        return "<div class=\"tiles\">\(tiles.joined())</div>\n"
    }
}
