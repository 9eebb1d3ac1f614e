// Addresses, ports and the life of a network, in the engine.

import Documents
import EventLoop
import Host
import Kernel
import Model
import Simulation
import Testing

@testable import Engine

extension Simulated {
    struct Networks {
        let stage: Stage

        init() throws { stage = try Stage() }

        private func request(_ name: String, _ bridge: BridgeSpec) -> Stage.Answer {
            let spec = PodSpec(hostname: name, network: .bridge(bridge))
            return stage.ask { () throws(Refusal) in
                try stage.engine.createPod(label(name), spec, stage.context())
            }
        }

        /// The address of a new pod. Its record has it from the answer on.
        private func address(_ name: String, _ bridge: BridgeSpec = BridgeSpec()) throws -> String {
            _ = request(name, bridge)
            let interface = try #require(stage.engine.pod(label(name))?.interfaces.first)
            return interface.addresses.map(\.description).joined(separator: " ")
        }

        private func delete(_ name: String) {
            _ = stage.delete(label(name), allowMissing: true)
            #expect(stage.eventually { stage.engine.pod(label(name)) == nil })
        }

        private func makeNetwork(_ name: String, _ subnet: String, _ subnet6: String? = nil) {
            let spec = NetworkSpec(
                subnet: IPPrefix(subnet), subnet6: subnet6.flatMap { IPPrefix($0) })
            _ = stage.ask { () throws(Refusal) in
                try stage.engine.createNetwork(label(name), spec, stage.context())
            }
        }

        private func refusal(_ answer: Stage.Answer) -> NetworkRefusal? {
            if case .refused(.network(let refusal)) = answer { refusal } else { nil }
        }

        @Test("an address is reused as late as possible, and never the network's own ones")
        func nextFit() throws {
            makeNetwork("net", "10.0.0.0/29")
            let net = BridgeSpec(name: label("net"))
            #expect(try address("a", net) == "10.0.0.2/29")
            #expect(try address("b", net) == "10.0.0.3/29")
            delete("a")
            #expect(
                try ["c", "d", "e", "f"].map { try address($0, net) } == [
                    "10.0.0.4/29", "10.0.0.5/29", "10.0.0.6/29", "10.0.0.2/29",
                ])
            let full = request("g", net)
            #expect(refusal(full) == .addressesExhausted(label("net"), IPPrefix("10.0.0.0/29")!))
            delete("d")
            #expect(try address("g", net) == "10.0.0.5/29")
        }

        @Test("a network has no more pods than its bridge has ports")
        func bridgeFull() throws {
            makeNetwork("net", "10.0.0.0/16")
            let net = BridgeSpec(name: label("net"))
            for number in 0..<Network.mostPods { _ = try address("p\(number)", net) }
            #expect(refusal(request("more", net)) == .bridgeFull(label("net")))
            #expect(stage.engine.pod(label("more")) == nil)
            delete("p7")
            #expect(try address("more", net) == "10.0.4.1/16")
        }

        @Test("a pod has an IPv6 address if its network has a subnet of them")
        func version6() throws {
            makeNetwork("net", "10.0.0.0/24", "fd00::/64")
            let net = BridgeSpec(name: label("net"), address6: IPAddress("fd00::1:0"))
            #expect(try address("a", net) == "10.0.0.2/24 fd00::1:0/64")
            #expect(try address("b", BridgeSpec(name: label("net"))) == "10.0.0.3/24 fd00::1:1/64")
            #expect(
                refusal(request("c", BridgeSpec(address6: IPAddress("fd00::2"))))
                    == .addressRefused(IPAddress("fd00::2")!, .pods, subnet: nil))
        }

        @Test(
            "an address that is no pod's is refused",
            arguments: ["10.0.0.0", "10.0.0.1", "10.0.0.255", "10.0.1.2"])
        func refused(text: String) throws {
            makeNetwork("net", "10.0.0.0/24")
            let wanted = try #require(IPAddress(text))
            let answer = request("a", BridgeSpec(name: label("net"), address: wanted))
            #expect(
                refusal(answer)
                    == .addressRefused(wanted, label("net"), subnet: IPPrefix("10.0.0.0/24")))
            #expect(stage.engine.pod(label("a")) == nil)
        }

        @Test("an address and a port have one owner, until nothing of it is left")
        func oneOwner() throws {
            let ten = IPAddress("10.88.0.10")
            let port = PortSpec(hostPort: 80, containerPort: 80)
            #expect(try address("a", BridgeSpec(address: ten, ports: [port])) == "10.88.0.10/16")
            #expect(
                refusal(request("b", BridgeSpec(address: ten)))
                    == .addressTaken(ten!, by: label("a")))
            let other = PortSpec(hostPort: 80, containerPort: 81, hostIP: IPAddress("192.0.2.1"))
            #expect(
                refusal(request("b", BridgeSpec(ports: [other])))
                    == .portTaken(other, by: label("a")))
            delete("a")
            #expect(try address("b", BridgeSpec(address: ten, ports: [other])) == "10.88.0.10/16")
        }

        @Test("a network that a pod made goes after its last pod, and a new pod keeps it")
        func automatic() throws {
            _ = try stage.makePod("x")
            _ = try address("a")
            #expect(stage.eventually { stage.engine.pod(label("a"))?.state == .ready })
            let first = try #require(stage.engine.network(.pods))
            #expect(first.network.isAutomatic && first.used == 1)
            delete("a")
            _ = try address("b")
            #expect(stage.engine.network(.pods)?.network.uid == first.network.uid)
            delete("b")
            #expect(stage.eventually { stage.engine.network(.pods) == nil })
            #expect(try stage.onMachine { $0.bridges.isEmpty })
        }

        @Test("a bridge that another program removed is made again for the next pod")
        func removedBridge() throws {
            _ = try address("a")
            #expect(stage.eventually { stage.engine.pod(label("a"))?.state == .ready })
            let network = try #require(stage.engine.network(.pods)).network.uid
            #expect(try stage.onMachine { $0.bridges.remove(network) } == network)
            _ = try address("b")
            #expect(stage.eventually { stage.engine.pod(label("b"))?.state == .ready })
            #expect(try stage.onMachine { $0.bridges } == [network])
        }

        @Test("a network goes after its last pod, however long the store refuses the pod's end")
        func refusedEnd() throws {
            _ = try address("a")
            #expect(stage.eventually { stage.engine.pod(label("a"))?.state == .ready })
            let stop = stage.ask { () throws(Refusal) in
                try stage.engine.stopPod(label("a"), grace: 0, release: true, stage.context())
            }
            let operation = try #require(stop.operation)
            // The removal of the interface takes a while.
            #expect(
                stage.eventually {
                    guard case .found(let now) = stage.engine.operation(operation.id) else {
                        return false
                    }
                    return now.state == .running
                })
            stage.disk.setFull(true)
            let asked = Stage.wall
            #expect(stage.eventually { Stage.wall > asked + 20_000 })
            #expect(!stage.hasEnded(operation))
            stage.disk.setFull(false)
            #expect(stage.eventually { stage.engine.network(.pods) == nil })
        }

        @Test("a network that a client asks for is the client's, and only an empty one goes")
        func clients() throws {
            _ = try address("a")
            makeNetwork("pods", "10.88.0.0/16")
            let network = try #require(stage.engine.network(.pods)?.network)
            #expect(!network.isAutomatic)
            let answer = stage.ask { () throws(Refusal) in
                try stage.engine.deleteNetwork(
                    .pods, uid: nil, allowMissing: false, stage.context())
            }
            #expect(refusal(answer) == .inUse(.pods, pods: 1))
            delete("a")
            #expect(!stage.eventually { stage.engine.network(.pods) == nil })
            _ = stage.ask { () throws(Refusal) in
                try stage.engine.deleteNetwork(
                    .pods, uid: network.uid, allowMissing: false, stage.context())
            }
            #expect(stage.eventually { stage.engine.network(.pods) == nil })
        }

        @Test(
            "a subnet that another network or the host uses is refused",
            arguments: [("10.88.0.0/24", "the network pods"), ("10.0.0.0/8", "the network pods")])
        func taken(subnet: String, owner: String) throws {
            _ = try address("a")
            let wanted = try #require(IPPrefix(subnet))
            let answer = stage.ask { () throws(Refusal) in
                try stage.engine.createNetwork(
                    label("net"), NetworkSpec(subnet: wanted), stage.context())
            }
            #expect(refusal(answer) == .subnetTaken(wanted, by: owner))
        }
    }
}
