// The members `init` and `after` of tasks: how they are read, kept and refused.

import Bytes
import JSON
import Model
import Testing

@testable import Documents

@Suite struct OrderTests {
    /// The body of a pod: each task with its further members.
    private func body(_ tasks: [(String, String)]) -> String {
        let members = tasks.map { name, more in
            "\"\(name)\": {\"rootfs\": {\"path\": \"/r\"}, \"args\": [\"x\"]"
                + (more.isEmpty ? "" : ", \(more)") + "}"
        }
        return "{\"tasks\": {\(members.joined(separator: ", "))}}"
    }

    @Test("init and after are read, shown, and kept in a record")
    func kept() throws {
        let spec = try pod(
            body([("a", #""after": ["c", "b"]"#), ("b", ""), ("c", #""init": true"#)]))
        #expect(spec.tasks.map(\.isInit) == [false, false, true])
        #expect(spec.tasks[0].after == [label("c"), label("b")])
        #expect(spec.tasks[1].after.isEmpty)
        var made = Pod(
            uid: uid, name: web, spec: spec, state: .creating, revision: 1, createdAt: noon)
        made.tasks = spec.tasks.map { task in
            PodTask(uid: uid, spec: task, state: .creating, revision: 1, createdAt: noon)
        }
        #expect(try Pod(record: made.record()) == made)
        let shown = try json(made)
        #expect(shown["tasks"]?["a"]?["after"]?.strings == ["c", "b"])
        #expect(shown["tasks"]?["c"]?["init"] == .bool(true))
        #expect(try pod(body([("a", "")])) == pod(body([("a", #""init": false, "after": []"#)])))
    }

    @Test("a record of an earlier version has neither, and stays as it is")
    func earlier() throws {
        let spec = try pod(body([("a", "")]))
        let made = Pod(
            uid: uid, name: web, spec: spec, state: .ready, revision: 1, createdAt: noon)
        let text = String(decoding: made.record(), as: UTF8.self)
        let older = text.replacing(#""init":false,"after":[],"#, with: "")
        #expect(older != text)
        #expect(try Pod(record: Array(older.utf8)) == made)
    }

    @Test("another order is another spec")
    func differs() throws {
        let one = try pod(body([("a", #""after": ["b"]"#), ("b", #""init": true"#)]))
        let other = try pod(body([("a", ""), ("b", "")]))
        #expect(
            one.differences(from: other).map(\.pointer.text) == [
                "/tasks/a/after", "/tasks/b/init",
            ])
    }

    @Test(
        "what leaves no order is refused, with its place",
        arguments: [
            ([("a", #""after": ["b"]"#)], ["/tasks/a/after/0: names no task of the pod"]),
            (
                [("a", #""after": ["b", "b"]"#), ("b", "")],
                ["/tasks/a/after/1: names 'b' a second time"]
            ),
            ([("a", #""after": ["a"]"#)], ["/tasks/a/after: leads back to the task itself"]),
            (
                [("a", #""after": ["b"]"#), ("b", #""after": ["c"]"#), ("c", #""after": ["a"]"#)],
                ["a", "b", "c"].map { "/tasks/\($0)/after: leads back to the task itself" }
            ),
            (
                [("a", #""after": ["b"]"#), ("b", #""after": ["c"]"#), ("c", #""after": ["b"]"#)],
                ["b", "c"].map { "/tasks/\($0)/after: leads back to the task itself" }
            ),
            (
                [("a", #""init": true, "after": ["b"]"#), ("b", "")],
                ["/tasks/a/after/0: names 'b', which starts after all init tasks"]
            ),
            (
                [("a", #""after": ["b"]"#), ("b", #""start": false"#)],
                ["/tasks/a/after/0: names 'b', whose 'start' is false"]
            ),
            (
                [("a", #""init": true, "start": false"#)],
                ["/tasks/a/start: contradicts 'init': the create of the pod runs an init task"]
            ),
            (
                [("a", #""init": true, "restart": {"policy": "always"}"#)],
                [
                    "/tasks/a/restart/policy: contradicts 'init': the pod's other tasks would "
                        + "never start"
                ]
            ),
            (
                [("a", #""init": true, "health": {"tcp": {"port": 80}}"#)],
                ["/tasks/a/health: contradicts 'init': an init task shows its health by its end"]
            ),
            ([("a", #""init": 1, "after": "b""#)], ["/tasks/a/init: ", "/tasks/a/after: "]),
            ([("a", #""after": ["B", 1]"#)], ["/tasks/a/after/0: ", "/tasks/a/after/1: "]),
        ] as [([(String, String)], [String])])
    func refused(tasks: [(String, String)], expected: [String]) {
        let found = faults { _ = try pod(body(tasks)) }
        #expect(found.count == expected.count, "\(found)")
        for (fault, start) in zip(found, expected) {
            #expect(fault.utf8.starts(with: start.utf8), "\(fault)")
        }
    }

    @Test("more names than a pod can have tasks are refused")
    func tooMany() {
        let names = (0...DocumentLimits.tasks).map { "\"t\($0)\"" }.joined(separator: ",")
        let found = places { _ = try pod(body([("a", "\"after\": [\(names)]")])) }
        #expect(found == ["/tasks/a/after"])
    }

    @Test(
        "what has an order is accepted",
        arguments: [
            [("a", #""init": true, "after": ["b"]"#), ("b", #""init": true"#)],
            [("a", #""after": ["b", "c"]"#), ("b", #""after": ["c"]"#), ("c", "")],
            [("a", #""after": ["b"], "start": false"#), ("b", #""init": true"#)],
            [("a", #""init": true, "restart": {"policy": "on-failure"}"#)],
        ])
    func accepted(tasks: [(String, String)]) {
        #expect(faults { _ = try pod(body(tasks)) } == [])
    }

    @Test("a patch changes neither, and gives an init task no endless restarts")
    func patches() throws {
        let text =
            #"{"rootfs": {"path": "/r"}, "args": ["x"], "init": true, "#
            + #""restart": {"policy": "on-failure"}}"#
        let spec = try TaskSpec.decode(json(text), name: app)
        for (patch, place) in [
            (#"{"init": false}"#, "/init"), (#"{"after": null}"#, "/after"),
            (#"{"restart": {"policy": "always"}}"#, "/restart/policy"),
        ] {
            let found = places {
                _ = try TaskPatch.decode(json(patch), name: app).applied(to: spec)
            }
            #expect(found == [place])
        }
    }
}
