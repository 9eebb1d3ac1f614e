// The description of the run and of the machine, so that a figure can be judged later.

import Linux

extension RunResult {
    mutating func describe(_ settings: RunSettings) {
        self.settings = settings.described
        machine = [
            ("when", String(decoding: SystemClock.timestamp(), as: UTF8.self).prefix(19) + "Z"),
            ("kernel", text("/proc/sys/kernel/osrelease")),
            ("processors", processors), ("memory", memory),
        ].map { (name: $0.0, value: String($0.1)) }
    }

    private var processors: String {
        let lines = text("/proc/cpuinfo").split(separator: "\n")
        let models = lines.filter { $0.hasPrefix("model name") }
        let model = models.first?.split(separator: ":").last?.drop { $0 == " " } ?? "?"
        return "\(models.count) × \(model)"
    }

    private var memory: String {
        let line = text("/proc/meminfo").split(separator: "\n").first { $0.hasPrefix("MemTotal") }
        let words = line?.split(separator: " ") ?? []
        guard words.count > 1, let kibibytes = Double(words[1]) else { return "?" }
        return Figure.bytes(kibibytes * 1024)
    }

    private func text(_ path: String) -> String {
        do {
            let text = try Files.text(path, limit: 1 << 20)
            return text.last == "\n" ? String(text.dropLast()) : text
        } catch { return "?" }
    }
}

extension RunSettings {
    fileprivate var described: [(name: String, value: String)] {
        var found: [(name: String, value: String)] = [("clients", "\(clients)")]
        switch amount {
        case .pods(let count): found.append(("pods", "\(count)"))
        case .seconds(let seconds): found.append(("for", Figure.seconds(seconds)))
        }
        for workload in mix.workloads {
            var parts = [
                "weight \(workload.weight)",
                "\(workload.tasks) task\(workload.tasks == 1 ? "" : "s")",
                "network \(workload.network.rawValue)", "held \(Figure.short(workload.hold)) s",
            ]
            if workload.execs > 0 { parts.append("\(workload.execs) execs") }
            if workload.follows { parts.append("its log followed") }
            if workload.restarts > 0 { parts.append("restarted \(workload.restarts) times") }
            found.append(("workload \(workload.name)", parts.joined(separator: ", ")))
        }
        for order in kills {
            found.append(("kill \(order.victim.rawValue)", "every \(Figure.short(order.every)) s"))
        }
        if let patience { found.append(("patience", Figure.seconds(patience))) }
        if let pressure {
            found.append(("disk pressure", "fio, at most \(pressure.rate) MiB/s"))
        }
        found.append(("seed", "\(seed)"))
        return found
    }
}
