// The network of the mode `cni`: its short form, its defaults, and what is refused.

import Documents
import JSON
import Model
import Testing

@Suite struct AttachmentTests {
    private func spec(_ members: String) throws -> CNISpec? {
        try PodSpec.decode(json(#"{"network":{"mode":"cni"\#(members)}}"#), name: web).network.cni
    }

    @Test(
        "a name is short for one attachment, and no name for the first network",
        arguments: [
            ("", CNIAttachment(interface: "eth0")),
            (#","name":null,"attachments":null"#, CNIAttachment(interface: "eth0")),
            (#","name":"Pod_net.1""#, CNIAttachment(network: "Pod_net.1", interface: "eth0")),
            (#","attachments":[{}]"#, CNIAttachment(interface: "eth0")),
            (
                #","attachments":[{"network":"Pod_net.1"}]"#,
                CNIAttachment(network: "Pod_net.1", interface: "eth0")
            ),
        ])
    func shortForm(members: String, attachment: CNIAttachment) throws {
        #expect(try spec(members) == CNISpec(attachments: [attachment]))
    }

    @Test("every member is read, and interfaces are numbered")
    func everyMember() throws {
        let read = try spec(
            #"""
            ,"attachments":[{"network":"a","args":{"K":"v","L_1":""},"capabilities":
            {"bandwidth":{"egressRate":1,"ingressRate":2},"own.name":[{"b":1.50,"a":null}]}},
            {"network":"a","interface":"net.1"},{"network":"b"}],"ports":
            [{"hostPort":8080,"containerPort":80}]
            """#)
        let first = CNIAttachment(
            network: "a", interface: "eth0", args: ["K": "v", "L_1": ""],
            capabilities: [
                "bandwidth": Array(#"{"egressRate":1,"ingressRate":2}"#.utf8),
                "own.name": Array(#"[{"a":null,"b":1.5}]"#.utf8),
            ])
        #expect(
            read
                == CNISpec(
                    attachments: [
                        first, CNIAttachment(network: "a", interface: "net.1"),
                        CNIAttachment(network: "b", interface: "eth2"),
                    ], ports: [PortSpec(hostPort: 8080, containerPort: 80)]))
    }

    static let refusals: [(String, [String])] = [
        (#","name":"-x""#, ["name"]),
        (#","name":"x","attachments":[{}]"#, ["attachments"]),
        (#","address":"10.0.0.1","address6":"fd00::1""#, ["address", "address6"]),
        (#","attachments":[]"#, ["attachments"]),
        (#","attachments":{}"#, ["attachments"]),
        (#","attachments":[1,{"x":1}]"#, ["attachments/0", "attachments/1/x"]),
        (#","attachments":[{"interface":"lo"}]"#, ["attachments/0/interface"]),
        (#","attachments":[{"interface":"0123456789abcdef"}]"#, ["attachments/0/interface"]),
        (#","attachments":[{"interface":"a/b"}]"#, ["attachments/0/interface"]),
        (#","attachments":[{"interface":""}]"#, ["attachments/0/interface"]),
        (#","attachments":[{"network":""}]"#, ["attachments/0/network"]),
        (#","attachments":[{},{"interface":"eth0"}]"#, ["attachments/1/interface"]),
        (#","attachments":[{"interface":"eth1"},{}]"#, ["attachments/1/interface"]),
        (#","ports":[{"hostPort":0,"containerPort":1}]"#, ["ports/0/hostPort"]),
    ]

    static let arguments = [
        #""a;b":"c""#, #""a=b":"c""#, #""":"x""#, #""d":"e;f""#, #""d":"h=i""#, #""d":1"#,
        #""d":"\n""#,
    ]

    static let capabilities: [(String, String)] = [
        (#""portMappings":[]"#, "portMappings"), (#""a b":1"#, "a b"), (#""mac":"x""#, "mac"),
        (#""bandwidth":{"ingres":1}"#, "bandwidth/ingres"),
        (#""ips":["10.0.0.1","y"]"#, "ips/1"), (#""ipRanges":[[{}]]"#, "ipRanges/0/0/subnet"),
        (#""dns":1"#, "dns"),
    ]

    @Test("a wrong network is refused with its place", arguments: refusals)
    func refused(members: String, places: [String]) throws {
        let faults = try #require(throws: DocumentFaults.self) { _ = try spec(members) }.faults
        #expect(faults.map(\.pointer.text) == places.map { "/network/" + $0 })
    }

    @Test("an argument that plugins would misread is refused", arguments: arguments)
    func refusedArgument(member: String) throws {
        let faults = try #require(throws: DocumentFaults.self) {
            _ = try spec(#","attachments":[{"args":{\#(member)}}]"#)
        }.faults
        #expect(faults.count == 1)
        #expect(faults.allSatisfy { $0.pointer.text.hasPrefix("/network/attachments/0/args/") })
    }

    @Test("a capability's wrong value is refused with its place", arguments: capabilities)
    func refusedCapability(member: String, place: String) throws {
        let faults = try #require(throws: DocumentFaults.self) {
            _ = try spec(#","attachments":[{"capabilities":{\#(member)}}]"#)
        }.faults
        #expect(faults.map(\.pointer.text) == ["/network/attachments/0/capabilities/" + place])
    }

    @Test("the attachments are only for the mode 'cni'", arguments: ["none", "host", "bridge"])
    func otherModes(mode: String) throws {
        let body = try json(#"{"network":{"mode":"\#(mode)","attachments":[{}]}}"#)
        let faults = try #require(throws: DocumentFaults.self) {
            _ = try PodSpec.decode(body, name: web)
        }.faults
        #expect(faults.map(\.pointer.text) == ["/network/attachments"])
    }

    @Test(
        "the order of a capability's members is no difference, and a value is",
        arguments: [
            (#"{"ingressBurst":2,"ingressRate":1}"#, 0),
            (#"{"ingressRate":1,"ingressBurst":3}"#, 1),
        ])
    func differences(bandwidth: String, count: Int) throws {
        let body = { (bandwidth: String) in
            #"{"network":{"mode":"cni","attachments":"#
                + #"[{"network":"a","capabilities":{"bandwidth":\#(bandwidth)}}]}}"#
        }
        let existing = try PodSpec.decode(
            json(body(#"{"ingressRate":1,"ingressBurst":2}"#)), name: web)
        let asked = try PodSpec.decode(json(body(bandwidth)), name: web)
        #expect(asked.differences(from: existing).count == count)
        #expect((asked == existing) == (count == 0))
    }
}
