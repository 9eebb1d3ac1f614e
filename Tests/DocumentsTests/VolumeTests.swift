// Volumes of a pod in requests, and the mounts that name one.

import JSON
import Model
import Testing

@testable import Documents

@Suite struct VolumeTests {
    private func pod(_ volumes: String, _ mounts: String = "") throws -> PodSpec {
        let task = #"{"rootfs": {"path": "/r"}, "args": ["sh"], "mounts": [\#(mounts)]}"#
        let text = #"{"volumes": \#(volumes), "tasks": {"app": \#(task)}}"#
        return try PodSpec.decode(json(text), name: web)
    }

    @Test("a volume is on the disk unless it says otherwise, and volumes are in the order of names")
    func read() throws {
        let spec = try pod(
            #"{"b": {"medium": "memory", "size": 4096}, "c": {"medium": "memory"}, "a": {}}"#,
            #"{"type": "volume", "source": "a", "target": "/a", "readOnly": true}"#)
        let volumes = [
            VolumeSpec(name: label("a")),
            VolumeSpec(name: label("b"), medium: .memory(size: 4096)),
            VolumeSpec(name: label("c"), medium: .memory(size: nil)),
        ]
        #expect(spec.volumes == volumes)
        let mount = MountSpec(kind: .volume(name: "a"), target: "/a", readOnly: true)
        #expect(spec.tasks.first?.mounts == [mount])
    }

    @Test(
        "each fault of a volume has its place",
        arguments: [
            ("[]", ["/volumes"]), (#"{"A": {}}"#, ["/volumes/A"]), (#"{"a": 1}"#, ["/volumes/a"]),
            (#"{"a": {"medium": "ssd"}}"#, ["/volumes/a/medium"]),
            (#"{"a": {"size": 1}}"#, ["/volumes/a/size!"]),
            (#"{"a": {"medium": "disk", "size": 1}}"#, ["/volumes/a/size!"]),
            (#"{"a": {"medium": "memory", "size": 0}}"#, ["/volumes/a/size"]),
            (#"{"a": {"mode": 7}}"#, ["/volumes/a/mode"]),
        ])
    func faults(volumes: String, expected: [String]) {
        let mount = #"{"type": "volume", "source": "a", "target": "/a"}"#
        #expect(places { _ = try pod(volumes, volumes.contains("\"a\"") ? mount : "") } == expected)
    }

    @Test("more volumes than the limit are refused")
    func limit() throws {
        func volumes(_ count: Int) -> String {
            "{" + (0..<count).map { "\"v\($0)\": {}" }.joined(separator: ", ") + "}"
        }
        #expect(try pod(volumes(64)).volumes.count == 64)
        #expect(places { _ = try pod(volumes(65)) } == ["/volumes"])
    }

    @Test(
        "each fault of a volume's mount has its place",
        arguments: [
            (#""source": "b""#, "source"), (#""source": "A/b""#, "source"),
            (#""source": 1"#, "source"), (#""recursiveReadOnly": true, "source": "a""#, nil),
            (#""size": 1, "source": "a""#, nil), (#""readOnly": "a""#, "source"),
        ] as [(String, String?)])
    func mountFaults(members: String, place: String?) throws {
        let mount = #"{"type": "volume", "target": "/a", \#(members)}"#
        let found = places { _ = try pod(#"{"a": {}}"#, mount) }
        #expect(!found.isEmpty)
        if let place { #expect(found.contains("/tasks/app/mounts/0/\(place)")) }
    }

    @Test("a task of an existing pod is checked against the pod's volumes")
    func task() throws {
        let spec = try pod(#"{"a": {}}"#)
        var task = TaskSpec(name: app, rootfs: "/r", args: ["sh"])
        task.mounts = ["a", "b"].map { MountSpec(kind: .volume(name: $0), target: "/\($0)") }
        let faults = task.faults(in: spec, at: .root, nestsCPULimits: false)
        #expect(faults.map(\.pointer.text) == ["/mounts/1/source"])
        #expect(faults.map(\.isNotSupported) == [false])
    }

    @Test("volumes are part of the comparison, and no PATCH changes them")
    func fixed() throws {
        let (one, other) = (try pod(#"{"a": {}}"#), try pod(#"{"a": {"medium": "memory"}}"#))
        #expect(other.differences(from: one).map(\.pointer.text) == ["/volumes/a/medium"])
        #expect(try pod("{}").differences(from: one).map(\.pointer.text) == ["/volumes/a"])
        #expect(places { _ = try PodPatch.decode(json(#"{"volumes": {}}"#)) } == ["/volumes"])
    }
}
