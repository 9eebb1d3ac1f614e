// The files of a configuration directory.

import Testing

@testable import CNI

@Suite struct DirectoryTests {
    private func list(_ name: String, _ type: String = "a") -> [UInt8] {
        bytes(#"{"cniVersion":"1.0.0","name":"\#(name)","plugins":[{"type":"\#(type)"}]}"#)
    }

    private func single(_ name: String, _ type: String) -> [UInt8] {
        bytes(#"{"cniVersion":"1.0.0","name":"\#(name)","type":"\#(type)"}"#)
    }

    @Test("files are ordered by the bytes of their names, whatever their suffix")
    func order() {
        #expect(
            ConfigurationDirectory.order([
                "b.conflist", "a.conf", "10-z.conflist", "9.json", "README", "x.conf.bak",
                ".hidden.conf", "Z.conf",
            ]) == ["10-z.conflist", "9.json", "Z.conf", "a.conf", "b.conflist"])
    }

    @Test("the first file of a name is used, and the other one is told")
    func sameName() {
        let directory = ConfigurationDirectory(files: [
            ("10.conf", single("n", "first")), ("20.conflist", list("n", "second")),
            ("30.conflist", list("m")),
        ])
        #expect(directory.networks.map(\.name) == ["n", "m"])
        #expect(directory.network("n")?.plugins.map(\.type) == ["first"])
        #expect(directory.faults.map(\.file) == ["20.conflist"])
        #expect(directory.faults.first?.detail.contains("10.conf") == true)
    }

    @Test("a broken file hides no other network, and no later file replaces it")
    func broken() {
        let directory = ConfigurationDirectory(files: [
            ("10.conflist", bytes("{")), ("20.conflist", list("n", "a/b")),
            ("30.conflist", list("n")), ("40.conflist", list("m")),
        ])
        #expect(directory.networks.map(\.name) == ["m"])
        #expect(directory.faults.map(\.file) == ["10.conflist", "20.conflist", "30.conflist"])
    }

    @Test("the folder of a network adds plugins, and the result defines the whole chain")
    func folder() throws {
        let network = try parsed(
            #"{"cniVersion":"1.0.0","name":"n","x":1.50,"plugins":[{"type":"a"}]}"#)
        let whole = try network.adding(folder: [("n/1.conf", bytes(#"{"type":"b","mtu":1E3}"#))])
        #expect(whole.plugins.map(\.type) == ["a", "b"])
        #expect(whole.loadOnlyInlinedPlugins)
        #expect(text(whole.bytes).contains("1.50") && text(whole.bytes).contains("1E3"))
        #expect(try parsed(text(whole.bytes)) == whole)
        #expect(try network.adding(folder: []) == network)
    }

    @Test("a network may have all its plugins in the folder, but it must have one")
    func folderOnly() throws {
        let network = try parsed(#"{"cniVersion":"1.0.0","name":"n"}"#)
        let whole = try network.adding(folder: [("n/1.conf", bytes(#"{"type":"b"}"#))])
        #expect(whole.plugins.map(\.type) == ["b"])
        #expect(throws: ConfigurationFaults.self) { try network.adding(folder: []) }
        let fault = #expect(throws: ConfigurationFaults.self) {
            try network.adding(folder: [("n/1.conf", bytes("{\n\"type\":\"/\"}"))])
        }
        #expect(fault?.faults.first?.description.contains("n/1.conf:2: at '/type'") == true)
    }

    @Test("a configuration that wants only its own plugins gets no others, nor does a single one")
    func inlinedOnly() throws {
        let single = try parsed(#"{"cniVersion":"1.0.0","name":"n","type":"a"}"#, .single)
        #expect(try single.adding(folder: [("n/1.conf", bytes(#"{"type":"b"}"#))]) == single)
        let network = try parsed(
            #"{"cniVersion":"1.0.0","name":"n","loadOnlyInlinedPlugins":true,"#
                + #""plugins":[{"type":"a"}]}"#
        )
        #expect(try network.adding(folder: [("n/1.conf", bytes(#"{"type":"b"}"#))]) == network)
    }
}
