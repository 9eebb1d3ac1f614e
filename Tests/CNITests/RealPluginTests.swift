// Debian's plugins take our requests, and we read their results and what they leave. As root; the
// plugins run in network namespaces of the test's own.

import Foundation
import JSON
import Kernel
import Testing

@testable import CNI

@Suite(.enabled(if: RealPlugins.areHere, "root, containernetworking-plugins and iptables"))
struct RealPluginTests {
    let stage: PluginStage

    init() throws { stage = try PluginStage() }

    /// A bridge with ipMasq and host ports.
    private func chain(_ version: String = "1.0.0") throws -> PluginChain {
        let written = """
            {"cniVersion": "\(version)", "name": "trial", "plugins": [
             {"type": "bridge", "bridge": "br-trial", "isGateway": true, "ipMasq": true,
              "ipam": {"type": "host-local", "dataDir": "\(stage.directory)",
                       "ranges": [[{"subnet": "10.99.0.0/16"}]], "routes": [{"dst": "0.0.0.0/0"}]},
              "dns": {"nameservers": ["10.1.1.1"]}},
             {"type": "portmap", "capabilities": {"portMappings": true}}]}
            """
        return PluginChain(
            configuration: try parsed(written), version: try CNITests.version(version),
            directories: [RealPlugins.directory])
    }

    private func attachment(_ containerID: String = uid) throws -> NetworkAttachment {
        var capabilities = CapabilityArguments()
        capabilities.set(ports: [
            PortMapping(hostPort: 8080, containerPort: 80, transport: "tcp", hostIP: nil)
        ])
        return try #require(
            NetworkAttachment(
                containerID: containerID, interface: "eth0", namespace: stage.namespace,
                arguments: PluginArguments.ofPod(
                    name: "web", uid: containerID, labels: [:], others: []),
                labels: ["app": "web"], capabilities: capabilities))
    }

    private func add(_ chain: PluginChain, _ attachment: NetworkAttachment) throws -> AddResult {
        var result: AddResult?
        for index in chain.configuration.plugins.indices {
            let request = chain.add(index, attachment, previous: result)
            result = try stage.run(request).added(asked: chain.version)
        }
        return try #require(result)
    }

    private func run(_ requests: [PluginRequest]) throws {
        #expect(!requests.isEmpty)
        for request in requests { try stage.run(request).succeeded() }
    }

    private func reserved() throws -> [HostLocalFile] {
        try stage.files(of: "trial").filter {
            if case .reservation = $0 { true } else { false }
        }
    }

    @Test(
        "a chain is added, checked and deleted, and nothing of the pod is left",
        arguments: ["0.3.0", "0.3.1", "0.4.0", "1.0.0"])
    func cycle(_ version: String) throws {
        let (chain, attachment) = (try chain(version), try attachment())
        let result = try add(chain, attachment)
        #expect(result.version == chain.version)
        let interface = result.attached("eth0")
        #expect(interface.hostInterface?.hasPrefix("veth") == true && interface.mac != nil)
        #expect(interface.addresses.map(\.description) == ["10.99.0.2/16"])
        #expect(interface.gateway == IPAddress("10.99.0.1"))
        #expect(interface.dns.nameservers == ["10.1.1.1"])
        let address = try #require(IPAddress("10.99.0.2"))
        #expect(try reserved() == [.reservation(address, owner: uid, interface: "eth0")])
        let marked = RuleRemoval(of: uid, in: try stage.saved())
        #expect(marked.rules.count == 2 && marked.chains.count == 2)
        // CHECK of portmap 1.1.1 looks for each address in both families, and so it always fails.
        try chain.check(attachment, result: result).prefix(1).forEach { bridge in
            try stage.run(bridge).succeeded()
        }
        // What the record stores is read again as the same result.
        let stored = try AddResult.parse(result.bytes(as: chain.version), asked: chain.version)
        try run(chain.delete(attachment, result: stored))
        #expect(try reserved().isEmpty)
        #expect(RuleRemoval(of: uid, networks: ["trial"], in: try stage.saved()).isEmpty)
        try run(chain.delete(attachment, result: stored))
    }

    @Test("VERSION's answers choose 1.0.0, and there is no STATUS and no GC in it")
    func versions() throws {
        let network = try parsed(
            #"{"cniVersions":["0.4.0","1.0.0"],"name":"n","plugins":[{"type":"bridge","#
                + #""ipam":{"type":"host-local"}},{"type":"loopback"}]}"#)
        var supported: [String: [CNIVersion]] = [:]
        for type in network.pluginTypes {
            supported[type] = try stage.run(.versions(of: type)).versions()
        }
        #expect(supported.count == 3)
        #expect(try network.chooseVersion(supported: supported) == version("1.0.0"))
    }

    @Test("a plugin's refusals are read")
    func refusals() throws {
        let (chain, attachment) = (try chain(), try attachment())
        _ = try add(chain, attachment)
        let second = try stage.run(chain.add(0, attachment, previous: nil))
        let failure = #expect(throws: PluginFailure.self) { try second.added(asked: chain.version) }
        guard case .reported(let error) = failure else {
            Issue.record("\(String(describing: failure))")
            return
        }
        #expect(error.message.contains("already exists"))
        try run(chain.delete(attachment, result: nil))
    }

    @Test("the rules that stay when the namespace is gone are removed, and no others")
    func leftovers() throws {
        let (chain, attachment) = (try chain(), try attachment())
        let result = try add(chain, attachment)
        try plantOthers()
        let others = try stage.saved().rules.count
        stage.killPod()
        for request in chain.delete(attachment, result: result) { _ = try stage.run(request) }
        let removal = RuleRemoval(of: uid, networks: ["trial"], in: try stage.saved())
        try stage.remove(removal)
        let after = try stage.saved()
        #expect(RuleRemoval(of: uid, networks: ["trial"], in: after).isEmpty)
        #expect(after.rules.filter { !$0.comments.isEmpty }.count >= foreign.count)
        #expect(after.rules.count < others)
        for comment in foreign {
            #expect(after.rules.contains { $0.comments == [comment] }, "\(comment)")
        }
        #expect(after.chains.filter { $0.name.hasPrefix("CNI-DN-") }.isEmpty)
        #expect(try reserved().isEmpty)
    }

    @Test("a chain whose jump is gone, and a jump whose ADD was killed, are removed")
    func halves() throws {
        let (chain, attachment) = (try chain(), try attachment())
        let result = try add(chain, attachment)
        // As if a DEL was killed after the jump of portmap, or an ADD before it.
        let output = try stage.command([
            "/usr/sbin/iptables", "-t", "nat", "-F", "CNI-HOSTPORT-DNAT",
        ])
        #expect(output.end == .exited(code: 0))
        let save = try stage.saved()
        let named = RuleRemoval(of: uid, networks: ["trial"], in: save)
        #expect(named.chains.count == 2 && named.rules.count == 1)
        try stage.remove(named)
        #expect(RuleRemoval(of: uid, networks: ["trial"], in: try stage.saved()).isEmpty)
        // bridge 1.1.1 looks for the chain and fails, but only after it has removed the veth. So
        // rules are removed after DEL and never before it, and a failed DEL is repeated.
        let requests = chain.delete(attachment, result: result)
        for request in requests { _ = try stage.run(request) }
        try run(requests)
        #expect(try reserved().isEmpty)
    }

    /// Comments of others: ids that contain the pod's id, and tricks with quotes.
    private var foreign: [String] {
        [
            "name: \"trial\" id: \"\(uid)0\"", "name: \"trial\" id: \"\(uid.dropLast())\"",
            "x\" id: \"\(uid)\"", "name: \"a\" id: \"b\\\" id: \"\(uid)\"", "it's \\\"", "plain",
            "line\n-A POSTROUTING -m comment --comment \"name: \\\"trial\\\" id: \\\"\(uid)\\\"\"",
        ]
    }

    private func plantOthers() throws {
        for comment in foreign {
            let output = try stage.command([
                "/usr/sbin/iptables", "-t", "nat", "-A", "POSTROUTING", "-m", "comment",
                "--comment", comment, "-j", "ACCEPT",
            ])
            #expect(output.end == .exited(code: 0), "\(text(output.stderr))")
        }
    }
}
