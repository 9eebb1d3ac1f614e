// Pods on networks of plugins, in the engine.

import Documents
import EventLoop
import Host
import Kernel
import Model
import Simulation
import Testing

@testable import Engine

extension Simulated {
    struct AttachedPods {
        let stage: Stage

        init() throws { stage = try Stage.withPlugins() }

        private func makePod(_ names: [String] = ["eth0"]) throws -> Pod {
            let attachments = names.map { CNIAttachment(interface: $0) }
            return try stage.makePod("web", .cni(CNISpec(attachments: attachments)))
        }

        private func objects(of pod: UID) throws -> Set<SimulatedAttachments.Object> {
            try stage.onMachine { $0.pods[pod]?.plugins.objects ?? [] }
        }

        @Test("a host port has one owner, until nothing of it is left, whatever the network")
        func onePort() throws {
            let port = PortSpec(hostPort: 80, containerPort: 80)
            let networks: [PodNetwork] = [
                .cni(CNISpec(attachments: [CNIAttachment(interface: "eth0")], ports: [port])),
                .bridge(BridgeSpec(ports: [port])),
            ]
            for (first, second) in [(0, 1), (1, 0), (0, 0)] {
                let specs = [first, second].map {
                    PodSpec(hostname: "x", network: networks[$0])
                }
                _ = try stage.engine.createPod(label("a"), specs[0], stage.context())
                #expect(throws: Refusal.network(.portTaken(port, by: label("a")))) {
                    try stage.engine.createPod(label("b"), specs[1], stage.context())
                }
                _ = try stage.engine.deletePod(
                    label("a"), uid: nil, grace: 0, allowMissing: true, stage.context())
                #expect(stage.eventually { stage.engine.pod(label("a")) == nil })
                _ = try stage.engine.createPod(label("b"), specs[1], stage.context())
                _ = try stage.engine.deletePod(
                    label("b"), uid: nil, grace: 0, allowMissing: true, stage.context())
                #expect(stage.eventually { stage.engine.pod(label("b")) == nil })
            }
        }

        @Test("the record and the note have each attachment with the shim and the outcome")
        func recorded() throws {
            let pod = try makePod(["eth0", "net1"])
            #expect(pod.attachments.map(\.interface) == ["eth0", "net1"])
            #expect(pod.attachments.allSatisfy { $0.shim == pod.shim?.process })
            #expect(pod.attachments.allSatisfy { $0.made != nil })
            let note = try #require(try stage.onMachine { $0.pods[pod.uid]?.plugins.note })
            let noted = try PodAttachment.read(note: note)
            #expect(noted.map(\.configuration) == pod.attachments.map(\.configuration))
            #expect(noted.allSatisfy { $0.shim == pod.shim?.process })
        }

        @Test("the engine removes a lost pod's rules, although DEL leaves them")
        func lost() throws {
            let pod = try makePod()
            #expect(try objects(of: pod.uid).contains(.rules("eth0")))
            try stage.onMachine { $0.killShim(of: pod.uid) }
            #expect(
                stage.eventually {
                    let now = stage.engine.pod(label("web"))
                    return now?.state == .lost && now?.operation == nil
                })
            #expect(try objects(of: pod.uid) == [])
            #expect(stage.engine.pod(label("web"))?.attachments == [])
        }

        /// A wish that the configured network cannot fulfil, and its cause.
        private static let refusals: [(CNISpec, FailureCause)] = [
            (
                CNISpec(attachments: [CNIAttachment(network: "x", interface: "eth0")]),
                .networkUnknown
            ),
            (CNISpec(ports: [PortSpec(hostPort: 1, containerPort: 1)]), .networkRefused),
            (
                CNISpec(attachments: [
                    CNIAttachment(interface: "eth0", capabilities: ["mac": Array("1".utf8)])
                ]), .networkRefused
            ),
        ]

        @Test(
            "a network that cannot serve the pod fails the create with the cause", arguments: 0..<3)
        func refused(_ index: Int) throws {
            let (cni, cause) = Self.refusals[index]
            let spec = PodSpec(hostname: "web", network: .cni(cni))
            var failures: [Failure.Cause?] = []
            // Another failure of this machine may come first.
            for _ in 0..<10 {
                let answer = stage.ask { () throws(Refusal) in
                    try stage.engine.createPod(label("web"), spec, stage.context())
                }
                let operation = try #require(answer.operation)
                #expect(stage.eventually { stage.hasEnded(operation) })
                guard case .found(let now) = stage.engine.operation(operation.id) else { continue }
                failures.append(now.error?.cause)
            }
            #expect(failures.contains(.known(cause)))
            #expect(stage.engine.pod(label("web")) == nil)
        }
    }
}
