// The networks of files, in the engine: reload, findings, STATUS, and the names of the API.

import CNI
import Documents
import EventLoop
import Host
import Kernel
import Model
import Simulation
import Testing

@testable import Engine

extension Simulated {
    struct ConfiguredNetworkTests {
        private typealias Files = ConfigurationFiles

        let stage: Stage

        init() throws { stage = try Stage() }

        private func set(_ texts: [(String, String)], plugins: [String] = ["bridge"]) {
            let files = texts.map { name, text in
                Files.File(name: name, content: .bytes(Array(text.utf8)))
            }
            let marks = Dictionary(uniqueKeysWithValues: plugins.map { ($0, "1") })
            let now = Files(
                directory: "/d", files: files,
                plugins: [Files.PluginDirectory(path: "/p", marks: marks)])
            run { $0.configurationFiles = now }
        }

        private func run(_ change: @escaping @Sendable @Loop (World) -> Void) {
            do { try stage.onMachine(change) } catch { Issue.record(error) }
        }

        private var questions: Int {
            get throws { try stage.onMachine { $0.statusQuestions } }
        }

        private func list(_ name: String, _ version: String = "1.1.0") -> String {
            #"{"cniVersion":"\#(version)","name":"\#(name)","plugins":[{"type":"bridge"}]}"#
        }

        private var seen: [ConfiguredNetworkView] { stage.engine.configuredNetworks() }

        @Test("a change of the files replaces all that is shown of them")
        func reload() {
            set([("1.conflist", list("a")), ("2.conflist", "{")])
            #expect(stage.eventually { seen.count == 2 })
            #expect(seen.map(\.file.name) == ["a", nil])
            #expect(stage.engine.findings.map(\.code) == ["cni-configuration"])
            set([("2.conflist", list("b"))], plugins: [])
            #expect(stage.eventually { seen.map(\.file.name) == ["b"] })
            #expect(stage.engine.findings.map(\.code) == ["cni-plugin"])
            #expect(stage.engine.findings[0].detail.contains("'bridge'"))
            set([])
            #expect(stage.eventually { seen.isEmpty && stage.engine.findings.isEmpty })
            #expect(stage.log.filter { $0.contains("a network cannot be used") }.count == 2)
        }

        @Test("a plugin that hangs at STATUS delays nothing, and is asked once at a time")
        func hangingStatus() throws {
            run { $0.isPluginStuck = true }
            set([("1.conflist", list("a"))])
            #expect(stage.eventually { seen.first?.askingSince != nil })
            set([("1.conflist", list("a", "1.0.0"))])
            for _ in 0..<5 {
                stage.pass(milliseconds: 120_000)
                #expect(seen.first?.status == nil && seen.first?.askingSince != nil)
            }
            #expect(try questions == 1)
            run {
                $0.networkStatus = .ready
                $0.isPluginStuck = false
            }
            #expect(stage.eventually { seen.first?.status == .ready })
        }

        @Test("an answer is renewed at most once a minute, and only when it is shown")
        func freshness() throws {
            run { $0.networkStatus = .notReady(plugin: "bridge", detail: "no") }
            set([("1.conflist", list("a"))])
            #expect(stage.eventually { seen.first?.status != nil })
            let asked = try questions
            stage.pass(milliseconds: 600_000)
            #expect(try questions == asked)
            run { $0.networkStatus = .ready }
            #expect(seen.first?.status == .notReady(plugin: "bridge", detail: "no"))
            #expect(stage.eventually { seen.first?.status == .ready })
            stage.pass(milliseconds: 30_000)
            _ = seen
            #expect(try questions == asked + 1)
        }

        private func put(_ name: String) -> Stage.Answer {
            stage.ask { () throws(Refusal) in
                try stage.engine.createNetwork(label(name), NetworkSpec(), stage.context())
            }
        }

        private func delete(_ name: String) -> Stage.Answer {
            stage.ask { () throws(Refusal) in
                try stage.engine.deleteNetwork(
                    label(name), uid: nil, allowMissing: true, stage.context())
            }
        }

        private func refusal(_ answer: Stage.Answer) -> NetworkRefusal? {
            if case .refused(.network(let refusal)) = answer { refusal } else { nil }
        }

        @Test(
            "the API neither makes nor deletes a network of a file, but keeps its own of that name")
        func names() {
            _ = put("a")
            set([("1.conflist", list("a")), ("2.conflist", list("b"))])
            #expect(stage.eventually { seen.count == 2 })
            let file = NetworkRefusal.configured(label("b"), file: "/d/2.conflist")
            #expect(refusal(put("b")) == file && refusal(delete("b")) == file)
            #expect(refusal(put("a")) == nil && refusal(delete("a")) == nil)
            #expect(stage.eventually { stage.engine.network(label("a")) == nil })
            #expect(refusal(put("a")) == .configured(label("a"), file: "/d/1.conflist"))
        }
    }
}
