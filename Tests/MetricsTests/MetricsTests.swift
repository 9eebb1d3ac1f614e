// The text that Prometheus reads, and that every metric is in it.

import Foundation
import Testing

@testable import Metrics

@Suite struct MetricsTests {
    let metrics = Metrics()

    func fill() {
        metrics.operationsStarted.add(1, "pod.create")
        metrics.operationsEnded.add(2, "pod.create", "succeeded")
        metrics.operationsRunning.set(-1, "pod.create", "none")
        metrics.stepDuration.observe(seconds: 0.3, "rootfs.unmount")
        metrics.httpRequests.add(1, "GET", "/v1/pods/{pod}", "200")
        metrics.httpDuration.observe(seconds: 700, "/v1/pods")
        for gauge in [metrics.pods, metrics.tasks] { gauge.set(3, "ready") }
        for gauge in [
            metrics.resourcesRecorded, metrics.resourcesObserved, metrics.resourcesUnrecorded,
            metrics.resourcesMissing,
        ] { gauge.set(0, "cgroups") }
        metrics.storeFailures.add(1, "full")
        metrics.buildInfo.set(1, "0.1.0", "abc")
        metrics.auditTime.set(1_700_000_000.25)
        metrics.cpuTime.raise(to: 1.5)
    }

    func text() -> String { String(decoding: metrics.render(), as: UTF8.self) }

    @Test func everyDeclaredMetricIsListed() {
        let declared = Mirror(reflecting: metrics).children.compactMap { $0.value as? any Metric }
        #expect(declared.map(\.name) == metrics.all.map(\.name))
        #expect(declared.count > 15)
        #expect(Set(declared.map(\.name)).count == declared.count)
    }

    /// Firecracker's rule: a metric that nothing updates is a lie.
    @Test func everyDeclaredMetricIsUpdatedSomewhere() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        var sources = ""
        for target in ["Engine", "LinuxHost", "API", "staunchd"] {
            let folder = root.appending(path: "Sources/\(target)")
            for path in try FileManager.default.subpathsOfDirectory(atPath: folder.path)
            where path.hasSuffix(".swift") {
                sources += try String(contentsOf: folder.appending(path: path), encoding: .utf8)
            }
        }
        // Until the first user of the metrics is written, there is nothing to compare them with.
        guard sources.contains("import Metrics") else { return }
        for name in Mirror(reflecting: metrics).children.compactMap(\.label) {
            let isUsed = ["add", "set", "observe", "raise", "replace"].contains {
                sources.contains(".\(name).\($0)(")
            }
            #expect(isUsed, "nothing updates \(name)")
        }
    }

    @Test func expectedSeriesExistBeforeTheirFirstEvent() {
        metrics.storeFailures.expect([["full"], ["other"]])
        metrics.stepDuration.expect([["verify"]])
        #expect(text().contains("staunch_store_failures_total{cause=\"full\"} 0\n"))
        #expect(text().contains("staunch_step_duration_seconds_count{step=\"verify\"} 0\n"))
        metrics.storeFailures.add(2, "full")
        metrics.storeFailures.expect([["full"]])
        #expect(text().contains("staunch_store_failures_total{cause=\"full\"} 2\n"))
    }

    @Test func samplesReadAsTheFormatWants() {
        fill()
        let lines = Set(text().split(separator: "\n"))
        #expect(lines.contains("# TYPE staunch_operations_ended_total counter"))
        let ended = #"staunch_operations_ended_total{kind="pod.create",outcome="succeeded"} 2"#
        #expect(lines.contains(Substring(ended)))
        #expect(lines.contains(#"staunch_operations_running{kind="pod.create",step="none"} -1"#))
        #expect(lines.contains("staunch_audit_timestamp_seconds 1700000000.25"))
        #expect(lines.contains("staunch_store_commits_total 0"), "no labels: there from the start")
    }

    @Test func bucketsAreCumulativeAndEndInAll() {
        metrics.stepDuration.observe(seconds: 0.01, "verify")
        metrics.stepDuration.observe(seconds: 0.011, "verify")
        metrics.stepDuration.observe(seconds: 601, "verify")
        let name = "staunch_step_duration_seconds"
        for (bound, count) in [("0.005", 0), ("0.01", 1), ("0.025", 2), ("600", 2), ("+Inf", 3)] {
            #expect(text().contains("\(name)_bucket{step=\"verify\",le=\"\(bound)\"} \(count)\n"))
        }
        #expect(text().contains("\(name)_count{step=\"verify\"} 3\n"))
        #expect(text().contains("\(name)_sum{step=\"verify\"} 601.021\n"))
    }

    @Test func labelValuesAreEscaped() {
        metrics.pods.set(1, "a\"b\\c\nd")
        #expect(text().contains(#"staunch_pods{state="a\"b\\c\nd"} 1"#))
    }

    @Test func seriesAreBounded() {
        for number in 0..<5000 { metrics.pods.add(1, "state-\(number)") }
        let lines = text().split(separator: "\n").filter { $0.hasPrefix("staunch_pods{") }
        #expect(lines.count == 257)
        #expect(lines.contains(#"staunch_pods{state="other"} 4744"#))
    }

    @Test func aTotalNeverFalls() {
        metrics.cpuTime.raise(to: 2)
        metrics.cpuTime.raise(to: 1)
        #expect(text().contains("process_cpu_seconds_total 2\n"))
    }

    @Test func promtoolFindsNoFault() throws {
        fill()
        let input = Pipe()
        let output = Pipe()
        let promtool = Process()
        promtool.executableURL = URL(fileURLWithPath: "/usr/bin/promtool")
        promtool.arguments = ["check", "metrics"]
        promtool.standardInput = input
        promtool.standardOutput = output
        promtool.standardError = output
        try promtool.run()
        try input.fileHandleForWriting.write(contentsOf: Data(metrics.render()))
        try input.fileHandleForWriting.close()
        let bytes = output.fileHandleForReading.readDataToEndOfFile()
        let said = String(decoding: bytes, as: UTF8.self)
        promtool.waitUntilExit()
        #expect(promtool.terminationStatus == 0, "\(said)")
        #expect(said.isEmpty, "\(said)")
    }
}
