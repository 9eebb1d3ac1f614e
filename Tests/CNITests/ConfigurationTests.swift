// Configurations of networks: what is read, and what is refused with its line.

import JSON
import Testing

@testable import CNI

@Suite struct ConfigurationTests {
    @Test("a list is read with its versions, flags and plugins, and keeps its bytes")
    func list() throws {
        let written = """
            {"cniVersion": "1.0.0", "cniVersions": ["0.4.0", "1.1.0", "2.0.0"], "name": "n-1.x_y",
             "disableCheck": true, "disableGC": "True", "plugins": [
             {"type": "bridge", "ipam": {"type": "host-local"}},
             {"type": "portmap", "capabilities": {"portMappings": true, "mac": false}}]}
            """
        let network = try parsed(written)
        #expect(network.name == "n-1.x_y" && text(network.bytes) == written)
        #expect(network.versions.map(\.description) == ["0.4.0", "1.0.0", "1.1.0"])
        #expect(network.disableCheck && network.disableGC && !network.loadOnlyInlinedPlugins)
        #expect(network.pluginTypes == ["bridge", "host-local", "portmap"])
        #expect(network.plugins.map(\.capabilities) == [[], ["portMappings"]])
    }

    @Test("a file with one plugin is a chain of one")
    func single() throws {
        let network = try parsed(
            #"{"cniVersion": "0.3.1", "name": "n", "type": "ptp", "ipam": {}, "mtu": 9000}"#,
            .single)
        #expect(network.plugins.map(\.type) == ["ptp"])
        #expect(network.pluginTypes == ["ptp"])
    }

    @Test(
        "each version from 0.3.0 to 1.1.0 is taken",
        arguments: ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"])
    func versions(_ version: String) throws {
        let network = try parsed(
            #"{"cniVersion": "\#(version)", "name": "n", "plugins": [{"type": "a"}]}"#)
        #expect(network.versions.map(\.description) == [version])
    }

    @Test(
        "a fault tells its place and what is wrong",
        arguments: [
            (#"{"name": "n", "plugins": [{"type": "a"}]}"#, "f:1: 'cniVersion' is missing"),
            (#"{"cniVersion":"0.2.0"V}"#, "f:1: at '/cniVersion': CNI 0.2.0 is older than 0.3.0"),
            (#"{"cniVersion":"1.2.0"V}"#, "f:1: at '/cniVersion': CNI 1.2.0 is newer than 1.1.0"),
            (#"{"cniVersion":"0.5.0"V}"#, "CNI 0.5.0 does not exist"),
            (#"{"cniVersion":"1.0"V}"#, "'1.0' is not a version"),
            (#"{"cniVersion":"1.0.0-rc1"V}"#, "'1.0.0-rc1' is not a version"),
            (#"{"cniVersion":"01.0.0"V}"#, "'01.0.0' is not a version"),
            (#"{"cniVersion":1V}"#, "at '/cniVersion': a string is expected, and this is a number"),
            (#"{"cniVersions":{}V}"#, "at '/cniVersions': an array is expected"),
            (#"{"cniVersions":["1.0.0",7]V}"#, "at '/cniVersions/1': a string is expected"),
            (#"{"cniVersion":"1.0.0","plugins":[{"type":"a"}]}"#, "f:1: 'name' is missing"),
            (
                #"{"cniVersion":"1.0.0","name":"../x","plugins":[]}"#,
                "'../x' is not a network's name"
            ),
            (#"{"cniVersion":"1.0.0","name":"","plugins":[]}"#, "at '/name': '' is not a network"),
            (#"{"cniVersion":"1.0.0","name":"n"}"#, ""),
            (
                #"{"cniVersion":"1.0.0","name":"n","loadOnlyInlinedPlugins":true}"#,
                "'plugins' is missing, and 'loadOnlyInlinedPlugins' is true"
            ),
            (#"{"cniVersion":"1.0.0","name":"n","type":"a"}"#, "has the suffix '.conf'"),
            (
                #"{"cniVersion":"1.0.0","name":"n","plugins":[]}"#,
                "at '/plugins': there is no plugin"
            ),
            (#"{"cniVersion":"1.0.0","name":"n","plugins":{}}"#, "an array is expected"),
            (
                "{\"cniVersion\":\"1.0.0\",\"name\":\"n\",\n\"plugins\":[{\"type\":\"a\"},\n7]}",
                "f:3: at '/plugins/1': an object is expected, and this is a number"
            ),
            (
                "{\"cniVersion\":\"1.0.0\",\"name\":\"n\",\"plugins\":[\n{\"type\":\n\"a/b\"}]}",
                "f:3: at '/plugins/0/type': 'a/b' is not a plugin"
            ),
            (
                #"{"cniVersion":"1.0.0","name":"n","plugins":[{"type":".."}]}"#,
                "'..' is not a plugin"
            ),
            (#"{"cniVersion":"1.0.0","name":"n","plugins":[{"type":""}]}"#, "'' is not a plugin"),
            (
                #"{"cniVersion":"1.0.0","name":"n","plugins":[{}]}"#,
                "f:1: at '/plugins/0': 'type' is"
            ),
            (
                #"{"cniVersion":"1.0.0","plugins":[{"type":"a","ipam":{"type":"x/y"}}]}"#,
                "at '/plugins/0/ipam/type': 'x/y' is not a plugin"
            ),
            (
                #"{"cniVersion":"1.0.0","plugins":[{"type":"a","capabilities":{"b":1}}]}"#,
                "at '/plugins/0/capabilities/b': true or false is expected"
            ),
            (
                #"{"cniVersion":"1.0.0","name":"n","disableCheck":"no","plugins":[{"type":"a"}]}"#,
                "at '/disableCheck': true or false is expected"
            ),
            ("[]", "f:1: an object is expected, and this is an array"),
            ("", "f: there is no byte of JSON"),
            ("{\n\"a\" 1}", "f:2: "),
            (#"{"a":1,"a":2}"#, "f:1: at '/a': an object has the member '/a' twice"),
        ])
    func faulty(_ text: String, _ expected: String) {
        let written = text.replacing("V}", with: #","name":"n","plugins":[{"type":"a"}]}"#)
        let told = faults(written)
        if expected.isEmpty {
            #expect(told.isEmpty)
        } else {
            #expect(told.contains { $0.description.contains(expected) }, "\(told)")
        }
    }

    @Test("all faults of a file are told")
    func all() {
        let told = faults(#"{"cniVersion":"9.0.0","name":"/","plugins":[{"type":"/"},{}]}"#)
        #expect(
            told.map(\.pointer.text) == ["/name", "/cniVersion", "/plugins/0/type", "/plugins/1"])
    }

    @Test("a file with a list in place of one plugin is told its suffix")
    func wrongSuffix() {
        let told = faults(#"{"cniVersion":"1.0.0","name":"n","plugins":[{"type":"a"}]}"#, .single)
        #expect(told.map(\.pointer.text) == ["/plugins"])
        #expect(told.first?.detail.contains("'.conflist'") == true)
    }

    @Test("size, depth and length are bounded")
    func bounds() {
        let deep = String(repeating: "[", count: 65) + String(repeating: "]", count: 65)
        #expect(
            faults(#"{"cniVersion":"1.0.0","x":\#(deep)}"#).first?.detail.contains("deeper") == true
        )
        let plugins = Array(repeating: #"{"type":"a"}"#, count: 33).joined(separator: ",")
        #expect(
            faults(#"{"cniVersion":"1.0.0","name":"n","plugins":[\#(plugins)]}"#).map(
                \.pointer.text)
                == ["/plugins"])
        let many = Array(repeating: "{}", count: 200).joined(separator: ",")
        #expect(faults(#"{"cniVersions":[\#(many)]}"#).count == 100)
        let long = String(repeating: " ", count: 1 << 20) + "{}"
        #expect(faults(long).first?.detail.contains("1 MiB") == true)
    }
}
