// GC of network plugins: what it keeps, and what waits for it.

import CNI
import EventLoop
import Host
import Model
import Simulation
import Synchronization
import Testing

@testable import Engine

extension Simulated {
    struct GarbageTests {
        let stage: Stage

        init() throws { stage = try Stage.withPlugins() }

        private func begin() throws {
            let engine = stage.engine
            try stage.onMachine { _ in engine.attachmentGarbage.begin(engine) }
        }

        private var kept: [[ValidAttachment]] {
            get throws { try stage.onMachine { $0.keptAttachments } }
        }

        private func state(_ name: String) -> PodState? { stage.engine.pod(label(name))?.state }

        private func create(_ name: String) {
            let spec = PodSpec(hostname: name, network: .cni(CNISpec()))
            _ = stage.ask { () throws(Refusal) in
                try stage.engine.createPod(label(name), spec, stage.context())
            }
        }

        private func ready(_ name: String) throws -> UID {
            let pod = try stage.makePod(name, .cni(CNISpec()))
            try #require(pod.state == .ready)
            return pod.uid
        }

        @Test("GC keeps the attachments of every pod, and what is attached later waits for its end")
        func keeps() throws {
            let web = try ready("web")
            try stage.onMachine { $0.isPluginStuck = true }
            try begin()
            stage.pass(milliseconds: 1000)
            #expect(
                try kept == [[ValidAttachment(containerID: "\(web)", interface: "eth0")]])
            create("late")
            stage.pass(milliseconds: 600_000)
            #expect(state("late") == .creating)
            #expect(stage.engine.pod(label("late"))?.attachments.isEmpty == true)
            try stage.onMachine { $0.isPluginStuck = false }
            #expect(stage.eventually { state("late") != .creating })
            #expect(stage.log.contains { $0.contains("GC of a network ended") })
        }

        @Test("there is no GC while the attachments of a pod are not known")
        func lostSpec() throws {
            _ = try ready("web")
            let engine = stage.engine
            engine.registry.state.withLock { $0.pods[label("web")]?.isSpecLost = true }
            try begin()
            #expect(stage.eventually { stage.log.contains { $0.contains("no GC of networks") } })
            #expect(try kept.isEmpty)
            engine.registry.state.withLock { $0.pods[label("web")]?.isSpecLost = false }
        }

        @Test("without the setting there is no GC")
        func off() throws {
            _ = try ready("web")
            stage.pass(milliseconds: 600_000)
            #expect(try kept.isEmpty)
        }
    }
}
