// What a task's processes may do: in requests, in documents, and in contradictions.

import Bytes
import JSON
import Model
import Testing

@testable import Documents

@Suite struct SecurityTests {
    private func task(_ members: String) throws -> TaskSpec {
        let text = #"{"rootfs": {"path": "/r"}, "args": ["sh"], \#(members)}"#
        return try TaskSpec.decode(json(text), name: app)
    }

    private func faultsInPod(_ members: String) -> [String] {
        let text = #"{"tasks": {"app": {"rootfs": {"path": "/r"}, "args": ["sh"], \#(members)}}}"#
        return places { _ = try PodSpec.decode(json(text), name: web) }
            .map { $0.replacing("/tasks/app", with: "") }
    }

    @Test("every member is read")
    func read() throws {
        let spec = try task(
            #"""
            "groups": [20, "audio", "044", 0], "groupsFromRootfs": true, "umask": "027",
            "rlimits": [{"type": "RLIMIT_CORE", "soft": 0, "hard": -1}],
            "maskedPaths": [], "readOnlyPaths": ["/etc"], "seccomp": {"path": "/p.json"},
            "apparmor": "docker-default", "capabilities": {"ambient": ["CAP_KILL"]},
            "devices": [{"path": "/dev/fuse"},
            {"path": "/x", "containerPath": "/dev/y", "permissions": "mr"}]
            """#)
        var expected = TaskSecurity()
        expected.groups = [.number(20), .name("audio"), .number(44), .number(0)]
        expected.groupsFromRootfs = true
        expected.umask = 0o27
        expected.rlimits = [ProcessLimit(type: "RLIMIT_CORE", soft: 0, hard: .max)]
        expected.maskedPaths = []
        expected.readOnlyPaths = ["/etc"]
        expected.seccomp = .profile(path: "/p.json")
        expected.apparmor = "docker-default"
        expected.ambientCapabilities = ["KILL"]
        expected.devices = [
            DeviceSpec(path: "/dev/fuse", containerPath: "/dev/fuse"),
            DeviceSpec(path: "/x", containerPath: "/dev/y", permissions: "mr"),
        ]
        #expect(spec.security == expected)
    }

    @Test("what is null is as if it were missing, and the defaults are written out")
    func defaults() throws {
        let nulls = try task(
            #"""
            "groupsFromRootfs": null, "maskedPaths": null, "readOnlyPaths": null, "apparmor": null
            """#)
        #expect(nulls.security == TaskSecurity())
        let shown = try json(
            PodTask(uid: uid, spec: nulls, state: .creating, revision: 1, createdAt: noon))
        #expect(shown["umask"] == .string("0022"))
        #expect(shown["maskedPaths"] == .null)
        #expect(shown["seccomp"] == .string("default"))
    }

    @Test("a privileged task has no filter and no masks, in any order of the members")
    func privileged() throws {
        for members in [
            #""privileged": true"#, #""seccomp": "unconfined", "privileged": true"#,
        ] {
            let security = try task(members).security
            #expect(security.isPrivileged && security.seccomp == .unconfined)
            #expect(security.maskedPaths == [] && security.readOnlyPaths == [])
        }
        #expect(try task(#""privileged": false"#).security == TaskSecurity())
    }

    @Test(
        "each fault has its place",
        arguments: [
            (#""groups": 7"#, ["/groups"]),
            (#""groups": [-1, 4294967295]"#, ["/groups/0", "/groups/1"]),
            (
                #""groups": ["a:b", "", "4294967295", "-x", null, 1.5]"#,
                (0...5).map { "/groups/\($0)" }
            ),
            (#""groupsFromRootfs": "yes""#, ["/groupsFromRootfs"]),
            (#""umask": 22"#, ["/umask"]), (#""umask": "8""#, ["/umask"]),
            (#""umask": """#, ["/umask"]), (#""umask": "1000""#, ["/umask"]),
            (#""umask": "00022""#, ["/umask"]), (#""umask": "-1""#, ["/umask"]),
            (#""rlimits": {}"#, ["/rlimits"]),
            (
                #""rlimits": [{"type": "NOFILE", "soft": 1, "hard": 1}]"#, ["/rlimits/0/type"]
            ),
            (
                #""rlimits": [{"type": "RLIMIT_AS", "soft": -2}]"#,
                ["/rlimits/0/soft", "/rlimits/0/hard"]
            ),
            (#""rlimits": [{"type": "RLIMIT_AS", "soft": 2, "hard": 1}]"#, ["/rlimits/0"]),
            (#""rlimits": [{"type": "RLIMIT_AS", "soft": -1, "hard": 1}]"#, ["/rlimits/0"]),
            (
                #"""
                "rlimits": [{"type": "RLIMIT_AS", "soft": 1, "hard": 1},
                {"type": "RLIMIT_AS", "soft": 2, "hard": 2}]
                """#, ["/rlimits/1"]
            ),
            (#""maskedPaths": "/x""#, ["/maskedPaths"]),
            (#""maskedPaths": ["x", "/a/../b"]"#, ["/maskedPaths/0", "/maskedPaths/1"]),
            (#""readOnlyPaths": [1]"#, ["/readOnlyPaths/0"]),
            (#""seccomp": "none""#, ["/seccomp"]), (#""seccomp": null"#, ["/seccomp"]),
            (#""seccomp": {}"#, ["/seccomp/path"]),
            (#""seccomp": {"path": "p", "x": 1}"#, ["/seccomp/path", "/seccomp/x"]),
            (#""apparmor": """#, ["/apparmor"]), (#""apparmor": "a b""#, ["/apparmor"]),
            (#""capabilities": {"ambient": ["X"]}"#, ["/capabilities/ambient/0"]),
            (#""privileged": 1"#, ["/privileged"]),
            (#""devices": [{}]"#, ["/devices/0/path"]),
            (#""devices": [{"path": "/x"}]"#, ["/devices/0/path"]),
            (#""devices": [{"path": "/dev"}]"#, ["/devices/0/path"]),
            (
                #""devices": [{"path": "/dev/x", "containerPath": "/opt/x"}]"#,
                ["/devices/0/containerPath"]
            ),
            (
                #""devices": [{"path": "/dev/x", "permissions": "rr"}]"#,
                ["/devices/0/permissions"]
            ),
            (
                #""devices": [{"path": "/dev/x", "permissions": ""}, {"path": "/dev/y"}]"#,
                ["/devices/0/permissions"]
            ),
            (
                #""devices": [{"path": "/dev/x"}, {"path": "/y", "containerPath": "/dev//x"}]"#,
                ["/devices/1/containerPath"]
            ),
        ] as [(String, [String])])
    func badMembers(members: String, expected: [String]) {
        #expect(places { _ = try task(members) } == expected)
    }

    @Test(
        "members that contradict each other are refused",
        arguments: [
            (#""privileged": true, "seccomp": "default""#, ["/seccomp"]),
            (#""privileged": true, "seccomp": {"path": "/p"}"#, ["/seccomp"]),
            (#""privileged": true, "maskedPaths": ["/x"]"#, ["/maskedPaths"]),
            (#""privileged": true, "readOnlyPaths": null"#, ["/readOnlyPaths"]),
            (#""privileged": true, "apparmor": "x""#, ["/apparmor"]),
            (#""privileged": true, "apparmor": "unconfined""#, []),
            (
                #""privileged": true, "capabilities": {"drop": ["CHOWN"]}"#,
                ["/capabilities/drop"]
            ),
            (#""privileged": true, "compat32": false"#, ["/compat32"]),
            (#""seccomp": "unconfined", "compat32": false"#, ["/compat32"]),
            (
                #""capabilities": {"ambient": ["KILL"], "drop": ["KILL"]}"#,
                ["/capabilities/ambient"]
            ),
            (#""capabilities": {"ambient": ["KILL"], "drop": ["ALL"]}"#, []),
            (
                #"""
                "mounts": [{"type": "bind", "source": "/s", "target": "/dev/snd"}],
                "devices": [{"path": "/dev/snd/timer"}]
                """#, ["/devices/0/containerPath"]
            ),
            (
                #"""
                "mounts": [{"type": "bind", "source": "/s", "target": "/dev/sn"}],
                "devices": [{"path": "/dev/snd"}]
                """#, []
            ),
        ] as [(String, [String])])
    func contradictions(members: String, expected: [String]) {
        #expect(faultsInPod(members) == expected)
    }

    @Test("a task that shows itself can be sent as it is shown")
    func roundTrip() throws {
        let spec = try task(#""privileged": true, "groups": ["a", 1], "umask": "0""#)
        var writer = JSONWriter()
        TaskSpec.members.writeObject(spec, to: &writer)
        #expect(
            try TaskSpec.decode(JSONValue.parse(writer.finish().bytes), name: app) == spec)
    }

    @Test("each member is part of the comparison")
    func differences() throws {
        let old = try task(#""umask": "0022""#)
        for (members, place) in [
            (#""groups": [1]"#, "/groups"), (#""groupsFromRootfs": false"#, "/groupsFromRootfs"),
            (#""umask": "0""#, "/umask"), (#""maskedPaths": []"#, "/maskedPaths"),
            (#""rlimits": [{"type": "RLIMIT_AS", "soft": 1, "hard": 1}]"#, "/rlimits"),
            (#""readOnlyPaths": []"#, "/readOnlyPaths"), (#""apparmor": "x""#, "/apparmor"),
            (#""seccomp": "unconfined""#, "/seccomp"),
            (#""devices": [{"path": "/dev/x"}]"#, "/devices"),
            (#""capabilities": {"ambient": ["KILL"]}"#, "/capabilities/ambient"),
        ] {
            #expect(try task(members).differences(from: old).map(\.pointer.text) == [place])
        }
        #expect(
            try task(#""privileged": true"#).differences(from: old).map(\.pointer.text) == [
                "/maskedPaths", "/privileged", "/readOnlyPaths", "/seccomp",
            ])
    }

    @Test("the record of an older version has the defaults")
    func olderRecord() throws {
        let spec = TaskSpec(name: app, rootfs: "/r", args: ["a"])
        let task = PodTask(uid: uid, spec: spec, state: .creating, revision: 1, createdAt: noon)
        let pod = Pod(
            uid: uid, name: web, spec: PodSpec(hostname: "h"), state: .ready, revision: 1,
            createdAt: noon, tasks: [task])
        var record = String(decoding: pod.record(), as: UTF8.self)
        for part in [
            #","privileged":false"#, #","groups":[]"#, #","groupsFromRootfs":null"#,
            #","umask":"0022""#, #","rlimits":[]"#, #","maskedPaths":null"#,
            #","readOnlyPaths":null"#, #","seccomp":"default""#, #","apparmor":null"#,
            #","devices":[]"#, #","ambient":[]"#, #""labels":{},"annotations":{},"#,
        ] {
            try #require(record.contains(part), "\(part) in \(record)")
            record = record.replacing(part, with: "", maxReplacements: part.hasPrefix(",") ? 9 : 9)
        }
        record = record.replacing(
            #""hostname""#, with: #""labels":{},"annotations":{},"hostname""#)
        #expect(try Pod(record: Array(record.utf8)) == pod)
    }
}
