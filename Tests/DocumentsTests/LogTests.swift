// A task's log: in requests, in documents, and in contradictions.

import JSON
import Model
import Testing

@testable import Documents

@Suite struct TaskLogTests {
    private func task(_ log: String) throws -> TaskSpec {
        let text = #"{"rootfs": {"path": "/r"}, "args": ["sh"], "log": \#(log)}"#
        return try TaskSpec.decode(json(text), name: app)
    }

    @Test("a client's file has no limits, and other logs have their defaults")
    func path() throws {
        let own = try task("{}").log
        #expect(own.path == nil && own.maxSize == 10 << 20 && own.maxFiles == 5)
        let log = #"{"path": "/var/log/pods/a/0.log", "maxSize": null, "maxFiles": null}"#
        let clients = try task(log).log
        #expect(clients.path == "/var/log/pods/a/0.log")
        #expect(clients.maxSize == nil && clients.maxFiles == nil)
        #expect(try task(#"{"path": null, "maxSize": null, "maxFiles": 2}"#).log.maxFiles == 2)
        #expect(try task(#"{"path": null, "maxSize": null}"#) == task("{}"))
        // Compared and recorded as they are shown.
        let differences = try task(log).differences(from: task("{}"))
        #expect(
            differences.map { "\($0.pointer)" } == ["/log/maxFiles", "/log/maxSize", "/log/path"])
    }

    @Test("a limit contradicts the path, in any order", arguments: ["maxSize", "maxFiles"])
    func limits(name: String) throws {
        let value = name == "maxSize" ? 65_536 : 2
        for members in [
            #""path": "/l", "\#(name)": \#(value)"#, #""\#(name)": \#(value), "path": "/l""#,
        ] {
            let faults = try task("{\(members)}").logFaults(at: .root.appending("tasks"))
            #expect(faults.map { "\($0.pointer)" } == ["/tasks/log/\(name)"])
        }
        #expect(try task(#"{"path": "/l"}"#).logFaults(at: .root).isEmpty)
        #expect(try task(#"{"\#(name)": \#(value)}"#).logFaults(at: .root).isEmpty)
    }

    @Test(
        "a path has one form only",
        arguments: ["", "l", "/", "/l/", "//l", "/a//l", "/./l", "/a/../l", "/a/.."])
    func forms(path: String) throws {
        #expect(throws: DocumentFaults.self) { try task(#"{"path": "\#(path)"}"#) }
        #expect(throws: DocumentFaults.self) { try task(#"{"path": 1}"#) }
        let long = String(repeating: "x", count: 256)
        #expect(throws: DocumentFaults.self) { try task(#"{"path": "/\#(long)"}"#) }
        #expect(try task(#"{"path": "/\#(long.dropLast())"}"#).log.path != nil)
    }
}
