// The documents of images: what is read, and what is refused.

import Images
import Testing

private func digest(_ digit: String) -> String { "sha256:" + String(repeating: digit, count: 64) }

private let configType = "application/vnd.oci.image.config.v1+json"
private let layerType = "application/vnd.oci.image.layer.v1.tar+gzip"
private let manifestType = "application/vnd.oci.image.manifest.v1+json"
private let indexType = "application/vnd.oci.image.index.v1+json"

private func descriptor(
    _ type: String, _ digit: String, size: String = "5", extra: String = ""
) -> String {
    #"{"mediaType": "\#(type)", "digest": "\#(digest(digit))", "size": \#(size)\#(extra)}"#
}

private func manifest(
    config: String = descriptor(configType, "c"), layers: [String] = [descriptor(layerType, "1")],
    extra: String = ""
) -> String {
    let list = layers.joined(separator: ",")
    return #"{"schemaVersion": 2, "config": \#(config), "layers": [\#(list)]\#(extra)}"#
}

private func index(_ entries: String...) -> String {
    #"{"schemaVersion": 2, "manifests": [\#(entries.joined(separator: ","))]}"#
}

private func entry(_ digit: String, _ os: String, _ architecture: String, _ variant: String = "")
    -> String
{
    let platform = """
        , "platform": {"os": "\(os)", "architecture": "\(architecture)", "variant": "\(variant)"}
        """
    return descriptor(manifestType, digit, extra: platform)
}

private func read(_ text: String, _ type: String? = nil) throws(ImageFault) -> ImageDocument {
    try ImageDocument.read(Array(text.utf8), mediaType: type)
}

private func code(_ text: String, _ type: String? = nil) -> ImageFault.Code? {
    do throws(ImageFault) {
        _ = try read(text, type)
        return nil
    } catch { return error.code }
}

@Suite struct Manifests {
    @Test("a manifest has its configuration and its layers, each distinct blob once")
    func manifests() throws {
        let layers = ["1", "2", "1"].map { descriptor(layerType, $0) }
        guard case .manifest(let found) = try read(manifest(layers: layers), manifestType) else {
            Issue.record("no manifest")
            return
        }
        #expect(found.config.digest.text == digest("c"))
        #expect(found.layers.map(\.descriptor.digest.text) == ["1", "2", "1"].map(digest))
        #expect(found.blobs.map(\.digest.text) == ["1", "2"].map(digest))
        #expect(found.layers.map(\.compression) == [.gzip, .gzip, .gzip])
    }

    @Test(
        "the layers of OCI and Docker are known by their types",
        arguments: [
            ("application/vnd.oci.image.layer.v1.tar", LayerCompression.none),
            ("application/vnd.oci.image.layer.v1.tar+zstd", .zstd),
            ("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", .gzip),
            ("application/vnd.docker.image.rootfs.diff.tar.gzip", .gzip),
            ("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", .gzip),
        ])
    func layers(_ type: String, _ compression: LayerCompression) throws {
        guard case .manifest(let found) = try read(manifest(layers: [descriptor(type, "1")])) else {
            Issue.record("no manifest")
            return
        }
        #expect(found.layers.map(\.compression) == [compression])
    }

    @Test(
        "what is no image is refused as such",
        arguments: [
            manifest(config: descriptor("application/vnd.oci.empty.v1+json", "c")),
            manifest(config: descriptor("application/vnd.cncf.helm.config.v1+json", "c")),
            manifest(layers: [descriptor("application/vnd.in-toto+json", "1")]),
            manifest(layers: [descriptor("", "1")]),
        ])
    func artifacts(_ text: String) { #expect(code(text) == .notAnImage) }

    @Test(
        "a manifest that breaks a rule is refused",
        arguments: [
            "", "[]", "1", "{", "{}", #"{"schemaVersion": 2}"#, #"{"schemaVersion": 1}"#,
            #"{"schemaVersion": "2", "manifests": []}"#, #"{"schemaVersion": 3, "manifests": []}"#,
            manifest(extra: #", "layers": []"#), manifest(extra: #", "manifests": []"#),
            manifest(extra: #", "mediaType": "\#(indexType)""#), manifest(config: "null"),
            manifest(config: "5"), manifest(extra: #", "mediaType": 5"#),
            manifest(config: descriptor(configType, "c", size: "4194305")),
            manifest(config: descriptor(configType, "1")),
            manifest(layers: [descriptor(layerType, "1", size: "-1")]),
            manifest(layers: [descriptor(layerType, "1", size: "1.5")]),
            manifest(layers: [descriptor(layerType, "1", size: "null")]),
            manifest(layers: [descriptor(layerType, "1", size: "9223372036854775808")]),
            manifest(layers: [descriptor(layerType, "g")]), manifest(layers: ["[]"]),
            manifest(layers: [descriptor(layerType, "1"), descriptor(layerType, "1", size: "6")]),
            manifest(
                layers: ["1", "2"].map { descriptor(layerType, $0, size: "9223372036854775807") }),
            manifest(layers: (0...500).map { _ in descriptor(layerType, "1") }),
            #"{"schemaVersion": 2, "config": \#(descriptor(configType, "c"))}"#,
        ])
    func refused(_ text: String) { #expect(code(text) == .imageInvalid) }

    @Test("500 layers are accepted, 4 MiB is the limit, and a wrong type is refused")
    func limits() throws {
        #expect(code(manifest(layers: (0..<500).map { _ in descriptor(layerType, "1") })) == nil)
        let spaces = String(repeating: " ", count: documentLimit - manifest().utf8.count)
        #expect(code(manifest() + spaces) == nil)
        #expect(code(manifest() + spaces + " ") == .imageInvalid)
        let values = String(repeating: "1,", count: 100_001)
        #expect(code(manifest(extra: #", "x": [\#(values)1]"#)) == .imageInvalid)
        #expect(code(manifest(), indexType) == .imageInvalid)
        #expect(code(index(), manifestType) == .imageInvalid)
        #expect(code(manifest(), "text/plain") == .imageInvalid)
        let first = "application/vnd.docker.distribution.manifest.v1+prettyjws"
        #expect(code(manifest(), first) == .imageInvalid)
    }
}

@Suite struct Indexes {
    private func choose(
        _ text: String, _ platform: String = "linux/amd64"
    ) throws -> ImageIndex.Entry {
        guard case .index(let index) = try read(text), let platform = Platform(platform) else {
            throw ImageFault(.imageInvalid, "no index")
        }
        return try index.choose(platform)
    }

    @Test("the best image for the platform is chosen")
    func platforms() throws {
        let text = index(
            entry("0", "unknown", "unknown"), entry("1", "linux", "arm64"),
            entry("2", "linux", "arm", "v6"), entry("3", "linux", "arm", "v7"),
            entry("4", "linux", "amd64", "v3"), entry("5", "linux", "amd64"),
            entry("6", "linux", "amd64"))
        #expect(try choose(text).descriptor.digest.text == digest("5"))
        #expect(try choose(text, "linux/arm/v7").descriptor.digest.text == digest("3"))
        #expect(try choose(text, "linux/arm/v6").descriptor.digest.text == digest("2"))
        #expect(try choose(text, "linux/arm64/v8").descriptor.digest.text == digest("1"))
        #expect(try choose(text, "linux/amd64/v4").descriptor.digest.text == digest("4"))
        let fault = #expect(throws: ImageFault.self) { try choose(text, "windows/amd64") }
        #expect(fault?.code == .platformUnknown)
        #expect(fault?.detail.contains("linux/arm64") == true)
        #expect(fault?.detail.contains("unknown") == false)
    }

    @Test("an entry without a platform is the last choice, and its configuration decides")
    func withoutPlatform() throws {
        let plain = descriptor(manifestType, "a")
        #expect(try choose(index(plain)).descriptor.digest.text == digest("a"))
        let both = index(plain, entry("5", "linux", "amd64"))
        #expect(try choose(both).descriptor.digest.text == digest("5"))
    }

    @Test("neither artifacts nor indexes are chosen")
    func others() {
        let platform = #", "platform": {"os": "linux", "architecture": "amd64"}"#
        let artifact = descriptor(
            manifestType, "1", extra: platform + #", "artifactType": "a/b""#)
        #expect(throws: ImageFault.self) { try choose(index(artifact)) }
        let nested = #expect(throws: ImageFault.self) {
            try choose(index(descriptor(indexType, "1", extra: platform)))
        }
        #expect(nested?.code == .imageInvalid)
    }

    @Test("the name of an image in a layout is its annotation")
    func names() throws {
        let annotated = descriptor(
            manifestType, "1",
            extra: #", "annotations": {"x": "y", "org.opencontainers.image.ref.name": "v1"}"#)
        #expect(try choose(index(annotated)).refName == "v1")
    }
}

@Suite struct Configurations {
    private func config(_ members: String, layers: [String] = ["d"]) -> [UInt8] {
        let list = layers.map { "\"\(digest($0))\"" }.joined(separator: ",")
        let text =
            #"{"os": "linux", "architecture": "amd64", \#(members)"#
            + #""rootfs": {"type": "layers", "diff_ids": [\#(list)]}}"#
        return Array(text.utf8)
    }

    @Test("the defaults of a task are read")
    func defaults() throws {
        let found = try ImageConfig.read(
            config(
                """
                "config": {"User": "app:users", "Env": ["A=1", "B=x=y"], "Entrypoint": null,
                 "Cmd": ["sh", "-c", ""], "WorkingDir": "/w", "StopSignal": "SIGINT",
                 "Volumes": {"/data": {}, "/b": {}}, "ExposedPorts": {"80/tcp": {}},
                 "Labels": {"k": "v", "a": ""}},
                """))
        #expect(found.platform.description == "linux/amd64")
        #expect(found.diffIDs.map(\.text) == [digest("d")])
        let defaults = found.defaults
        #expect(defaults.user == "app:users")
        #expect(defaults.env == ["A=1", "B=x=y"])
        #expect(defaults.entrypoint == nil)
        #expect(defaults.cmd == ["sh", "-c", ""])
        #expect(defaults.workingDir == "/w")
        #expect(defaults.stopSignal == "SIGINT")
        #expect(defaults.volumes == ["/data", "/b"])
        #expect(defaults.exposedPorts == ["80/tcp"])
        #expect(defaults.labels.map { "\($0.name)=\($0.value)" } == ["k=v", "a="])
    }

    @Test(
        "a configuration that breaks a rule is refused",
        arguments: [
            #""config": [], "#, #""config": {"Env": "A=1"}, "#, #""config": {"Env": [1]}, "#,
            #""config": {"Cmd": ["a\u0000b"]}, "#, #""config": {"User": 5}, "#,
            #""config": {"Labels": {"a": 1}}, "#, #""config": {"User": "a", "User": "b"}, "#,
            #""rootfs": {"type": "tar"}, "#,
        ])
    func refused(_ members: String) {
        let fault = #expect(throws: ImageFault.self) { try ImageConfig.read(config(members)) }
        #expect(fault?.code == .imageInvalid)
    }

    @Test("the configuration must have the layers of the manifest, and the platform")
    func checks() throws {
        func check(
            _ diffIDs: [String], _ layers: [String], on platform: String = "linux/amd64"
        ) throws -> ImageFault.Code? {
            let text = manifest(layers: layers.map { descriptor(layerType, $0) })
            guard case .manifest(let manifest) = try read(text),
                let platform = Platform(platform)
            else { return nil }
            let config = try ImageConfig.read(config("", layers: diffIDs))
            do throws(ImageFault) {
                try config.check(manifest, on: platform)
                return nil
            } catch { return error.code }
        }
        #expect(try check(["d", "e"], ["1", "2"]) == nil)
        #expect(try check([], []) == nil)
        #expect(try check(["d"], ["1", "2"]) == .imageInvalid)
        #expect(try check(["d", "e", "f"], ["1", "2"]) == .imageInvalid)
        #expect(try check(["d", "d"], ["1", "1"]) == nil)
        #expect(try check(["d", "e"], ["1", "1"]) == .imageInvalid)
        #expect(try check(["d"], ["1"], on: "linux/arm64") == .platformUnknown)
        #expect(try check(["d"], ["1"], on: "linux/amd64/v3") == nil)
    }
}

@Suite struct DockerArchives {
    private func read(_ text: String) throws(ImageFault) -> DockerArchive {
        try DockerArchive.read(Array(text.utf8))
    }

    @Test("each image of an archive has its members and its names")
    func images() throws {
        let archive = try read(
            """
            [{"Config": "c.json", "RepoTags": ["busybox:1", "h:5/a:v"],
              "Layers": ["a.tar", "b/layer.tar"]},
             {"Config": "d.json", "RepoTags": null, "Layers": []}]
            """)
        #expect(archive.images.map(\.config) == ["c.json", "d.json"])
        #expect(archive.images[0].layers == ["a.tar", "b/layer.tar"])
        #expect(
            archive.images[0].references.map(\.text)
                == ["docker.io/library/busybox:1", "h:5/a:v"])
        #expect(archive.images[1].references == [])
    }

    @Test(
        "an archive that breaks a rule is refused",
        arguments: [
            "{}", "[1]", "[{}]", #"[{"Config": "c"}]"#, #"[{"Config": "/c", "Layers": []}]"#,
            #"[{"Config": "a/../../c", "Layers": []}]"#, #"[{"Config": "", "Layers": []}]"#,
            #"[{"Config": "c", "Layers": ["../a"]}]"#, #"[{"Config": "c", "Layers": ["a\u0000"]}]"#,
            #"[{"Config": "c", "RepoTags": ["UPPER"], "Layers": []}]"#,
            #"[{"Config": "c", "Config": "c", "Layers": []}]"#,
        ])
    func refused(_ text: String) {
        #expect(throws: ImageFault.self) { try read(text) }
    }

    @Test("501 layers are refused")
    func limits() throws {
        let list = { (count: Int) in
            (0..<count).map { _ in "\"a\"" }.joined(separator: ",")
        }
        _ = try read(#"[{"Config": "c", "Layers": [\#(list(500))]}]"#)
        #expect(throws: ImageFault.self) {
            try read(#"[{"Config": "c", "Layers": [\#(list(501))]}]"#)
        }
    }
}
