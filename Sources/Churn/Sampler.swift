// Samples the daemon, its shims and its audit once a second.

import Client
import JSON
import Linux
import Synchronization

final class Sampler: Sendable {
    private let endpoint: Endpoint
    private let statistics: RunStatistics
    private let shouldEnd = Atomic(false)
    private let isOver = Atomic(false)

    init(_ endpoint: Endpoint, _ statistics: RunStatistics) {
        self.endpoint = endpoint
        self.statistics = statistics
    }

    func start() {
        Thread.start {
            let client = HTTPClient(self.endpoint) { self.shouldEnd.load(ordering: .relaxed) }
            // Kills happen at full seconds, so the samples are taken between them.
            var next = now() + 0.5
            var turn = 0
            _ = wait(atMost: 0.5) { self.shouldEnd.load(ordering: .relaxed) }
            while !self.shouldEnd.load(ordering: .relaxed) {
                self.take(client, withAccount: turn.isMultiple(of: 2))
                turn += 1
                next = max(next + 1, now())
                _ = wait(atMost: next - now()) { self.shouldEnd.load(ordering: .relaxed) }
            }
            self.isOver.store(true, ordering: .relaxed)
        }
    }

    func finish() {
        shouldEnd.store(true, ordering: .relaxed)
        _ = wait(atMost: 10) { isOver.load(ordering: .relaxed) }
    }

    private func take(_ client: HTTPClient, withAccount: Bool) {
        var sample = Sample()
        do {
            let metrics = MetricValues(
                try client.send(Request("GET", "/metrics", patience: 5)).text)
            sample.daemonStart = metrics.sum("process_start_time_seconds")
            sample.memory = metrics.sum("process_resident_memory_bytes")
            sample.descriptors = metrics.sum("process_open_fds")
            sample.openOperations = metrics.sum("staunch_operations_running").map { Int($0) }
            let pods = try client.send(Request("GET", "/v1/pods?limit=1000", patience: 5)).json()
            sample.shims = shims(pods)
            if withAccount { sample.account = try Account.fresh(client) }
        } catch {}  // a dead daemon has no values, and the plot has a gap there
        statistics.change { state in
            sample.at = statistics.elapsed
            sample.pods = state.pods
            if !sample.account.isEmpty { state.account = sample.account }
            state.samples.append(sample)
        }
    }

    private func shims(_ pods: JSONValue) -> ShimUsage {
        var usage = ShimUsage()
        for pod in pods["items"]?.elements ?? [] {
            // Until its exec a child has the daemon's command name and memory.
            guard let pid = pod["shim"]?["pid"]?.integer.map({ Int32(truncatingIfNeeded: $0) }),
                ProcFS.command(of: pid) == "staunch-shim",
                let start = ProcFS.startTicks(of: pid),
                let memory = ProcessUsage.anonymousMemory(pid), memory > 0,
                let descriptors = ProcessUsage.descriptors(pid)
            else { continue }
            usage.count += 1
            usage.memory += memory
            usage.descriptors += Double(descriptors)
            usage.each.append(
                ShimLook(
                    ShimLife(pid: pid, startTicks: start), memory: memory,
                    descriptors: Double(descriptors)))
        }
        guard usage.count > 0 else { return usage }
        // The pages of the program count as private if a single process has them.
        if usage.count == 1 { usage.each = [] }
        usage.memory /= Double(usage.count)
        usage.descriptors /= Double(usage.count)
        return usage
    }
}

enum Account {
    /// The lines of a fresh audit.
    static func fresh(_ client: HTTPClient) throws(ClientFailure) -> [AccountLine] {
        let answer = try client.send(Request("GET", "/v1/audit?fresh=true", patience: 40))
        guard answer.status == 200, let lines = try answer.json()["resources"]?.elements,
            !lines.isEmpty
        else { throw .malformed("no audit: \(answer.status) \(answer.text)") }
        return lines.map { line in
            AccountLine(
                kind: line["kind"]?.string ?? "?",
                recorded: Int(line["recorded"]?.integer ?? 0),
                observed: Int(line["observed"]?.integer ?? 0),
                unrecorded: line["unrecorded"]?.strings ?? [],
                missing: line["missing"]?.strings ?? [])
        }
    }
}

/// The part of Prometheus's text format that is needed here.
package struct MetricValues {
    private var sums: [String: Double] = [:]

    package init(_ text: String) {
        for line in text.split(separator: "\n") where !line.hasPrefix("#") {
            let name = line.prefix { $0 != "{" && $0 != " " }
            guard let value = line.split(separator: " ").last.flatMap({ Double($0) }) else {
                continue
            }
            sums[String(name), default: 0] += value
        }
    }

    /// The sum over all labels; `nil` if there is no such metric.
    package func sum(_ name: String) -> Double? { sums[name] }
}
