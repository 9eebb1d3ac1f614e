// CNI_ARGS and capability arguments.

import JSON
import Testing

@testable import CNI

@Suite struct ArgumentTests {
    @Test("a pod's arguments are those of containerd, in its order")
    func pod() throws {
        let plain = try PluginArguments.ofPod(name: "web", uid: uid, labels: [:], others: [])
        #expect(
            plain.text
                == "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web;"
                + "K8S_POD_INFRA_CONTAINER_ID=\(uid);K8S_POD_UID=\(uid)")
    }

    @Test("Kubernetes' labels and the attachment's arguments replace them")
    func replaced() throws {
        let arguments = try PluginArguments.ofPod(
            name: "web", uid: uid,
            labels: [
                "io.kubernetes.pod.namespace": "prod", "io.kubernetes.pod.name": "web-0",
                "io.kubernetes.pod.uid": "u-1",
            ], others: [PluginArguments.Pair("K8S_POD_UID", "u-2"), PluginArguments.Pair("IP", "")])
        #expect(
            arguments.text
                == "IgnoreUnknown=1;K8S_POD_NAMESPACE=prod;K8S_POD_NAME=web-0;"
                + "K8S_POD_INFRA_CONTAINER_ID=\(uid);K8S_POD_UID=u-2;IP=")
    }

    @Test(
        "a pair that a plugin would read as another is refused",
        arguments: [
            ("A", "x;B=y"), ("A", "x;y"), ("A", "x=y"), ("A", "x\ny"), ("A", "x\0"), ("", "x"),
            ("A=B", "x"),
            ("A;B", "x"), ("A B", "x"),
        ])
    func refused(_ name: String, _ value: String) {
        let fault = #expect(throws: ArgumentFault.self) {
            try PluginArguments([PluginArguments.Pair(name, value)])
        }
        #expect(fault?.name == name && fault?.detail.isEmpty == false)
    }

    @Test(
        "a capability's value has its form",
        arguments: [
            (
                "portMappings",
                #"[{"hostPort":1,"containerPort":65535,"protocol":"sctp","hostIP":"::"}]"#
            ),
            ("bandwidth", #"{"ingressRate":1,"ingressBurst":0}"#), ("bandwidth", "{}"),
            ("dns", #"{"servers":["1.1.1.1"],"searches":[],"options":["ndots:2"]}"#),
            ("ips", #"["10.0.0.1","10.0.0.1/24","fd00::1/64"]"#),
            ("mac", #""02:42:AC:11:00:02""#), ("ipRanges", #"[[{"subnet":"10.0.0.0/8"}]]"#),
            ("cgroupPath", #""/a""#), ("deviceID", #""0000:04:00.5""#), ("aliases", #"["a"]"#),
            ("infinibandGUID", "7"),
        ])
    func accepted(_ name: String, _ value: String) throws {
        var arguments = CapabilityArguments()
        try arguments.set(name, json(value))
        #expect(try arguments.members == [JSONMember(name: name, value: json(value))])
    }

    @Test(
        "another value is refused with its place",
        arguments: [
            ("portMappings", "{}", ""),
            (
                "portMappings", #"[{"hostPort":0,"containerPort":80,"protocol":"tcp"}]"#,
                "/0/hostPort"
            ),
            ("portMappings", #"[{"hostPort":1,"protocol":"tcp"}]"#, "/0/containerPort"),
            (
                "portMappings", #"[{"hostPort":1,"containerPort":1,"protocol":"TCP"}]"#,
                "/0/protocol"
            ),
            (
                "portMappings",
                #"[{"hostPort":1,"containerPort":1,"protocol":"tcp","hostIP":"x"}]"#, "/0/hostIP"
            ),
            ("bandwidth", #"{"ingresRate":1}"#, "/ingresRate"),
            ("bandwidth", #"{"egressRate":-1}"#, "/egressRate"),
            ("dns", #"{"servers":[1]}"#, "/servers/0"), ("ips", #"["10.0.0.1/33"]"#, "/0"),
            ("mac", #""02:42:ac:11:00""#, ""), ("mac", #""02:42:ac:11:00:0g""#, ""),
            ("ipRanges", #"[[{"subnet":"x"}]]"#, "/0/0/subnet"), ("ipRanges", "[{}]", "/0"),
            ("cgroupPath", #""""#, ""), ("deviceID", "1", ""), ("aliases", #"["a",null]"#, "/1"),
        ])
    func misformed(_ name: String, _ value: String, _ place: String) throws {
        var arguments = CapabilityArguments()
        let value = try json(value)
        let fault = #expect(throws: CapabilityFault.self) { try arguments.set(name, value) }
        #expect(fault?.pointer.text == place && fault?.name == name)
        #expect(arguments.members.isEmpty)
    }

}
