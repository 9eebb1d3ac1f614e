// The environment and the standard input of a plugin.

import JSON
import Testing

@testable import CNI

@Suite struct RequestTests {
    private let written = """
        {"cniVersion": "0.4.0", "name": "net", "plugins": [
         {"type": "first", "name": "own", "cniVersion": "0.1.0", "n": 1.50, "big": 9007199254740993,
          "cni.dev/x": 1, "prevResult": {}, "runtimeConfig": {"mac": "x"},
          "args": {"a": 2.0, "cni": {"ips": ["10.0.0.1"], "labels": []}}},
         {"type": "second", "capabilities": {"portMappings": true, "mac": false, "dns": true}}]}
        """

    private func result(_ version: String = "1.1.0") throws -> AddResult {
        try AddResult.parse(
            bytes(#"{"cniVersion":"1.1.0","ips":[{"address":"10.0.0.2/24"}],"own":true}"#),
            asked: CNITests.version("1.1.0"))
    }

    @Test("an ADD has all variables, and the first has no earlier result")
    func add() throws {
        let request = try chain(written).add(0, attachment(), previous: nil)
        #expect(
            request.variables == [
                "CNI_COMMAND": "ADD", "CNI_CONTAINERID": uid, "CNI_NETNS": "/proc/7/ns/net",
                "CNI_IFNAME": "eth0", "CNI_ARGS": "IgnoreUnknown=1",
                "CNI_PATH": "/opt/cni/bin:/usr/lib/cni",
                "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            ])
        #expect(
            text(request.input)
                == #"{"cniVersion":"1.1.0","name":"net","type":"first","n":1.50,"#
                + #""big":9007199254740993,"#
                + #""args":{"a": 2.0, "cni": {"ips": ["10.0.0.1"], "labels": []}}}"#)
    }

    @Test(
        "a plugin gets the values of the capabilities that it declares, and never the declaration")
    func runtimeConfig() throws {
        var capabilities = CapabilityArguments()
        capabilities.set(ports: [
            PortMapping(hostPort: 8080, containerPort: 80, transport: "tcp", hostIP: nil)
        ])
        try capabilities.set("mac", .string("02:42:0a:00:00:02"))
        let attachment = try attachment(capabilities: capabilities)
        let second = try chain(written).add(1, attachment, previous: result()).document
        #expect(
            try second["runtimeConfig"]
                == json(
                    #"{"portMappings":[{"hostPort":8080,"containerPort":80,"protocol":"tcp"}]}"#))
        #expect(second["capabilities"] == nil)
        #expect(second["prevResult"]?["own"] == .bool(true))
        let first = try chain(written).add(0, attachment, previous: nil).document
        #expect(first["runtimeConfig"] == nil && first["prevResult"] == nil)
    }

    @Test("labels are added to the file's own arguments")
    func labels() throws {
        let request = try chain(written).add(
            0, attachment(labels: ["b": "2", "a": "1"]), previous: nil)
        #expect(
            text(request.input).hasSuffix(
                #","args":{"a":2.0,"cni":{"ips":["10.0.0.1"],"labels":["#
                    + #"{"key":"a","value":"1"},{"key":"b","value":"2"}]}}}"#))
    }

    @Test("a DEL goes backwards, each plugin with the whole ADD's result, also without a namespace")
    func delete() throws {
        let requests = try chain(written).delete(attachment(namespace: nil), result: result())
        #expect(requests.map(\.type) == ["second", "first"])
        for request in requests {
            #expect(try request.document["prevResult"]?["ips"] != nil)
            #expect(request.variables["CNI_COMMAND"] == "DEL")
            #expect(request.variables["CNI_NETNS"] == "")
        }
        let unknown = try chain(written).delete(attachment(), result: nil)
        #expect(try unknown.allSatisfy { try $0.document["prevResult"] == nil })
    }

    @Test("before 0.4.0 a DEL has no result, and there is no CHECK")
    func old() throws {
        let chain = try chain(written, "0.3.1")
        let requests = try chain.delete(attachment(), result: result())
        #expect(try requests.allSatisfy { try $0.document["prevResult"] == nil })
        #expect(try chain.check(attachment(), result: result()).isEmpty && !chain.canCheck)
    }

    @Test("a CHECK goes forwards with the whole ADD's result in the chain's version")
    func check() throws {
        let requests = try chain(written, "0.4.0").check(attachment(), result: result())
        #expect(requests.map(\.type) == ["first", "second"])
        for request in requests {
            let previous = try request.document["prevResult"]
            #expect(previous?["cniVersion"] == .string("0.4.0"))
            #expect(previous?["ips"]?.elements?.first?["version"] == .string("4"))
            #expect(request.variables["CNI_COMMAND"] == "CHECK")
        }
    }

    @Test("STATUS and GC exist from 1.1.0, and have no attachment")
    func statusAndGarbage() throws {
        let new = try chain(written)
        let valid = [ValidAttachment(containerID: uid, interface: "eth0")]
        let status = new.status()
        let garbage = new.collectGarbage(keeping: valid)
        for (requests, verb) in [(status, "STATUS"), (garbage, "GC")] {
            #expect(requests.map(\.type) == ["first", "second"])
            #expect(
                requests[0].variables.keys.sorted() == ["CNI_COMMAND", "CNI_PATH", "PATH"])
            #expect(requests[0].variables["CNI_COMMAND"] == verb)
            #expect(try requests[1].document["capabilities"] == nil)
        }
        let list = try json(#"[{"containerID":"\#(uid)","ifname":"eth0"}]"#)
        #expect(try garbage[0].document["cni.dev/valid-attachments"] == list)
        #expect(try garbage[0].document["cni.dev/attachments"] == list)
        #expect(try status[0].document["cni.dev/valid-attachments"] == nil)
        let older = try chain(written, "1.0.0")
        #expect(older.status().isEmpty && older.collectGarbage(keeping: valid).isEmpty)
    }

    @Test("an administrator's ban on CHECK and GC is kept")
    func disabled() throws {
        let chain = try chain(
            #"{"cniVersion":"1.1.0","name":"n","disableCheck":true,"disableGC":true,"#
                + #""plugins":[{"type":"a"}]}"#)
        #expect(try chain.check(attachment(), result: result()).isEmpty)
        #expect(chain.collectGarbage(keeping: []).isEmpty)
        #expect(chain.status().count == 1)
    }

    @Test("VERSION asks with the newest version, and with values that old plugins require")
    func versions() throws {
        let request = PluginRequest.versions(of: "bridge")
        #expect(text(request.input) == #"{"cniVersion":"1.1.0"}"#)
        #expect(request.variables["CNI_COMMAND"] == "VERSION")
        #expect(request.variables["CNI_CONTAINERID"] == "dummy")
    }

    @Test("the container id and the interface have names that the protocol and the kernel allow")
    func names() {
        for id in ["", "-a", "a b", "a/b", "a\"", "é"] {
            #expect(
                NetworkAttachment(containerID: id, interface: "eth0", namespace: nil) == nil,
                "\(id)")
        }
        for name in ["", ".", "..", "a/b", "a:b", "a b", "eth%d", "sixteen-letters-"] {
            #expect(
                NetworkAttachment(containerID: uid, interface: name, namespace: nil) == nil,
                "\(name)")
        }
        #expect(
            NetworkAttachment(containerID: uid, interface: "fifteen-letters", namespace: nil) != nil
        )
    }
}
