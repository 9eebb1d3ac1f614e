// Prints the progress: one line that is updated on a terminal, otherwise a line now and then.

import Linux

final class ProgressPrinter {
    private let target: Target
    private let statistics: RunStatistics
    private let isTerminal = Terminal.isThere(2)
    private var next = 0.0
    private var history: [(at: Double, pods: Int)] = []

    init(_ target: Target, _ statistics: RunStatistics) {
        self.target = target
        self.statistics = statistics
    }

    /// Prints if it is time. Must be called often.
    func tick() {
        let at = statistics.elapsed
        guard at >= next else { return }
        next = at + (isTerminal ? 1 : 10)
        show(line(at))
    }

    private func line(_ at: Double) -> String {
        let state = statistics.snapshot
        history.append((at, state.pods))
        while let first = history.first, first.at < at - 10.5, history.count > 2 {
            history.removeFirst()
        }
        var progress = Progress()
        progress.target = target
        progress.at = at
        progress.pods = state.pods
        if let first = history.first, at > first.at {
            progress.rate = Double(state.pods - first.pods) / (at - first.at)
        }
        progress.latencies = state.latencies
        progress.last = state.samples.last ?? Sample()
        progress.kills = state.kills.count
        if !state.account.isEmpty {
            progress.orphans = state.account.reduce(0) { $0 + $1.unrecorded.count }
        }
        return progress.line
    }

    private func show(_ line: String) {
        guard isTerminal else { return StandardError.write(line + "\n") }
        let width = max(20, (Terminal.width(2) ?? 80) - 1)
        StandardError.write("\r\u{1b}[K" + line.prefix(width))
    }

    /// Ends the line, so that the next output begins on a new line.
    func finish() {
        if isTerminal {
            show(line(statistics.elapsed))
            StandardError.write("\n")
        }
    }
}
