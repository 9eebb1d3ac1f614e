// The rules for strings exist twice: in the decoder, and as patterns in openapi/staunch.json.

import Documents
import JSON
import Model
import Testing

@Suite struct Patterns {
    let schemas: JSONValue

    init() throws { schemas = try DocumentsTests.schemas() }

    private func allows(_ schema: JSONValue?, _ text: String) throws -> Bool {
        let schema = try #require(schema)
        let pattern = try Regex(try #require(schema["pattern"]?.string))
        let most = Int(schema["maxLength"]?.integer ?? .max)
        return text.unicodeScalars.count <= most && text.contains(pattern)
    }

    private func accepts(_ member: String, _ text: String) throws -> Bool {
        let quoted = String(decoding: JSONValue.string(text).bytes, as: UTF8.self)
        let body = #"{"rootfs":{"path":"/r"},"args":["a"],"\#(member)":"#
        let ending = member == "capabilities" ? #"{"add":[\#(quoted)]}}"# : quoted + "}"
        return faults { _ = try TaskSpec.decode(json(body + ending), name: app) }.isEmpty
    }

    static let signals =
        (0...66).flatMap { ["\($0)", "RTMIN+\($0)"] }
        + (1...64).compactMap { Signal(number: $0) }
        .flatMap { ["\($0)", "SIG\($0)", "sig\($0)"] }
        + ["", "RTMIN", "SIGRTMIN", "RTMIN+", "RTMAX", "015", "+15", "SIG15", "TERM ", "-1", "T"]

    @Test("a signal is one to both", arguments: signals)
    func signal(text: String) throws {
        #expect(try accepts("stopSignal", text) == allows(schemas["Signal"], text))
    }

    @Test(
        "a capability is one to both",
        arguments: [
            "ALL", "CAP_ALL", "CHOWN", "CAP_CHOWN", "NET_RAW", "WAKE_ALARM", "AUDIT_CONTROL",
            "chown", "CAP_", "", "CAP_CAP_CHOWN", "CHOWN ", "SYS", "PERFMON", "CHECKPOINT_RESTORE",
        ])
    func capability(text: String) throws {
        #expect(try accepts("capabilities", text) == allows(schemas["Capability"], text))
    }

    /// Only the decoder refuses a number that is not a valid id.
    @Test(
        "a user is one to both",
        arguments: [
            "0", "0:0", "a:b", "a", "", ":", "a:", ":a", "a:b:c", "-a", "a:-b", "a-b", "a b",
            "a\tb",
            "a\u{7f}", "é", "a\u{a0}", "www-data:www-data", "a\n",
            String(repeating: "x", count: 256), String(repeating: "x", count: 514),
        ])
    func user(text: String) throws {
        let rule = schemas["TaskRequest"]?["properties"]?["user"]
        #expect(try accepts("user", text) == allows(rule, text))
    }

    @Test(
        "a host name is one to both",
        arguments: [
            "a", "A.b", "a.", ".a", "a..b", "-a", "a-", "a-b", "a_b", "", "é", "9",
            String(repeating: "x", count: 63), String(repeating: "x", count: 64),
            String(repeating: "x", count: 62) + ".y", String(repeating: "x", count: 63) + ".y",
        ])
    func hostname(text: String) throws {
        let rule = schemas["PodRequest"]?["properties"]?["hostname"]
        let accepted = faults {
            _ = try PodSpec.decode(
                .object([.init(name: "hostname", value: .string(text))]), name: web)
        }
        #expect(accepted.isEmpty == (try allows(rule, text)))
    }
}
