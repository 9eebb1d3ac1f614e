// The networks of the files as a helper has read them: faults, folders and plugins.

import Testing

@testable import CNI

@Suite struct ConfiguredNetworkTests {
    private typealias Files = ConfigurationFiles

    private func file(_ name: String, _ text: String) -> Files.File {
        Files.File(name: name, content: .bytes(bytes(text)))
    }

    private func list(_ name: String, _ type: String = "bridge") -> String {
        #"{"cniVersion":"1.0.0","name":"\#(name)","plugins":[{"type":"\#(type)"}]}"#
    }

    private func networks(
        _ files: [Files.File], folders: [String: [Files.File]] = [:]
    ) -> ConfiguredNetworks {
        ConfiguredNetworks(
            Files(
                directory: "/d", files: files, folders: folders,
                plugins: [
                    Files.PluginDirectory(path: "/opt", marks: ["portmap": "1"]),
                    Files.PluginDirectory(path: "/lib", marks: ["portmap": "2", "bridge": "3"]),
                ]))
    }

    @Test("each file is a network or has faults, in the order of the names")
    func files() {
        let seen = networks([
            file("30.conflist", list("c")), file("README", "x"), file(".10.conf", "x"),
            file("20.conflist", "{\n\"name\":\"b\",}"), file("25.conf", list("a")),
            Files.File(name: "05.conf", content: .unreadable("open /d/05.conf: EIO")),
            file("10.conflist", list("a")), file("40.conflist", #"{"name":"d","plugins":[]}"#),
        ])
        #expect(
            seen.files.map(\.path)
                == [
                    "05.conf", "10.conflist", "20.conflist", "25.conf", "30.conflist",
                    "40.conflist",
                ]
                .map { "/d/" + $0 })
        #expect(seen.files.map(\.name) == [nil, "a", nil, nil, "c", "d"])
        #expect(seen.files.map { $0.network != nil } == [false, true, false, false, true, false])
        #expect(seen.files.allSatisfy { $0.faults.isEmpty == ($0.network != nil) })
        #expect(seen.files[0].faults.first?.detail.contains("EIO") == true)
        #expect(seen.files[2].faults.first?.line == 2)
        #expect(seen.network(nil)?.configuration.name == "a")
        #expect(seen.network("c")?.configuration.file == "/d/30.conflist")
        #expect(seen.network("d") == nil)
    }

    @Test("a plugin is found in the first directory that has it, and a missing one is named")
    func plugins() throws {
        let seen = networks([
            file(
                "1.conflist",
                #"{"cniVersion":"1.0.0","name":"n","plugins":[{"type":"bridge","#
                    + #""ipam":{"type":"gone"}},{"type":"portmap"}]}"#)
        ])
        let network = try #require(seen.network("n"))
        #expect(network.plugins.map(\.type) == ["bridge", "gone", "portmap"])
        #expect(network.plugins.map(\.path) == ["/lib/bridge", nil, "/opt/portmap"])
        #expect(network.missing == ["gone"])
        #expect(seen.pluginDirectories == ["/opt", "/lib"])
    }

    @Test("the folder with the network's name adds plugins, and its faults are the network's")
    func folder() throws {
        let seen = networks(
            [file("1.conflist", list("n")), file("2.conflist", list("m")), file("3.conf", "{}")],
            folders: [
                "n": [
                    file("20.conf", #"{"type":"second"}"#), file("10.conf", #"{"type":"first"}"#),
                    file("x.conflist", "{"),
                ],
                "m": [file("1.conf", "{"), Files.File(name: "2.conf", content: .unreadable("E"))],
            ])
        let network = try #require(seen.network("n"))
        #expect(network.plugins.map(\.type) == ["bridge", "first", "second"])
        #expect(seen.network("m") == nil)
        #expect(seen.files[1].name == "m")
        #expect(seen.files[1].faults.map(\.file) == ["/d/m/2.conf"])
    }
}
