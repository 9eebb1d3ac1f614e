// The rules for alerts and the dashboard agree with the metrics, and use names that exist.

import Foundation
import Testing

@Suite struct Observability {
    static let folder = SourceFile.root + "/scripts/observability"

    private func text(_ name: String) throws -> String {
        try String(contentsOfFile: "\(Observability.folder)/\(name)", encoding: .utf8)
    }

    @Test("promtool accepts the alerts, and each passes its test")
    func alertsHold() throws {
        let checked = try promtool("check", "rules", "alerts.yaml")
        #expect(checked.status == 0, "\(checked.output)")
        let tested = try promtool("test", "rules", "alerts.test.yaml")
        #expect(tested.status == 0, "\(tested.output)")
    }

    @Test("each alert has a severity, a summary, a description and an action, and fires in a test")
    func alertsAreWhole() throws {
        let tests = try text("alerts.test.yaml")
        let alerts = try text("alerts.yaml").components(separatedBy: "- alert: ").dropFirst()
        #expect(alerts.count >= 15)
        for alert in alerts {
            let name = String(alert.prefix { $0 != "\n" })
            for needed in ["severity:", "summary:", "description:", "action:"] {
                #expect(alert.contains("  \(needed)"), "\(name) has no \(needed)")
            }
            let fires = tests.contains(#"ALERTS{alertname="\#(name)", alertstate="firing","#)
            let isSpelledOut = tests.contains("alertname: \(name)\n        exp_alerts:")
            #expect(fires || isSpelledOut, "\(name) is never seen to fire")
            #expect(tests.contains("alertname: \(name)}"), "\(name) is never seen to be silent")
        }
    }

    @Test("alerts and dashboard name only metrics of the daemon")
    func metricsExist() throws {
        let declared = try SourceFile.all(below: "Sources/Metrics").flatMap(\.code)
            .joined(separator: "\n")
        for file in ["alerts.yaml", "alerts.test.yaml", "dashboard.json"] {
            let named = try text(file).matches(of: /\b(?:staunch|process)_[a-z_]+/)
                .map { $0.output.replacing(/_(?:bucket|sum|count)$/, with: "") }
            #expect(named.count > 15, "\(file)")
            for name in Set(named) {
                #expect(declared.contains("\"\(name)\""), "\(file): there is no \(name)")
            }
        }
    }

    @Test("every metric of the daemon is on the dashboard")
    func metricsAreShown() throws {
        let dashboard = try text("dashboard.json")
        let declared = try SourceFile.all(below: "Sources/Metrics").flatMap(\.code)
            .compactMap { $0.firstMatch(of: /"((?:staunch|process)_[a-z_]+)"/)?.output.1 }
        #expect(declared.count > 20)
        for name in declared { #expect(dashboard.contains(name), "\(name) is shown nowhere") }
    }

    @Test("the dashboard is JSON, its panels do not overlap, and promtool accepts its queries")
    func dashboardIsSound() throws {
        let dashboard = try JSONDecoder().decode(
            Dashboard.self, from: Data(text("dashboard.json").utf8))
        let panels = dashboard.panels
        #expect(Set(panels.map(\.id)).count == panels.count)
        for (index, panel) in panels.enumerated() {
            #expect(panel.gridPos.x + panel.gridPos.w <= 24, "\(panel.title)")
            for other in panels[..<index] {
                #expect(!panel.gridPos.meets(other.gridPos), "\(panel.title) on \(other.title)")
            }
            #expect(panel.type == "row" || panel.targets?.isEmpty == false, "\(panel.title)")
        }
        let asked = panels.flatMap { $0.targets ?? [] }.map(\.expr)
        #expect(asked.count > 30)
        let rules = asked.enumerated().map { index, expression in
            let whole = expression.replacing("$__rate_interval", with: "5m")
                .replacing("$__range", with: "3h")
            return "  - {record: \"asked:\(index)\", expr: '\(whole)'}\n"
        }
        let file = NSTemporaryDirectory() + "staunch-dashboard-\(getpid()).yaml"
        defer { do { try FileManager.default.removeItem(atPath: file) } catch {} }
        try "groups:\n- name: dashboard\n  rules:\n\(rules.joined())"
            .write(toFile: file, atomically: false, encoding: .utf8)
        let checked = try promtool("check", "rules", file)
        #expect(checked.status == 0, "\(checked.output)")
    }

    private func promtool(_ words: String...) throws -> (status: Int32, output: String) {
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["promtool"] + words
        process.currentDirectoryURL = URL(fileURLWithPath: Observability.folder)
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let bytes = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: bytes, as: UTF8.self))
    }
}

/// The part of Grafana's dashboards that the tests check.
private struct Dashboard: Decodable {
    struct Place: Decodable {
        let x, y, w, h: Int

        func meets(_ other: Place) -> Bool {
            x < other.x + other.w && other.x < x + w && y < other.y + other.h && other.y < y + h
        }
    }

    struct Target: Decodable { let expr: String }

    struct Panel: Decodable {
        let id: Int
        let type: String
        let title: String
        let gridPos: Place
        let targets: [Target]?
    }

    let panels: [Panel]
}
