// The translation permits what the profile permits, and nothing else.

import Foundation
import JSON
import Model
import Testing

@testable import OCI

/// `linux.seccomp` as a set of single verdicts, independent of their grouping.
func verdicts(_ syscalls: [JSONValue]) -> Set<String> {
    var set: Set<String> = []
    for rule in syscalls {
        let args = (rule["args"]?.elements ?? []).map { arg in
            ["index", "value", "valueTwo"].map { digits(arg[$0]) ?? "0" }.joined(separator: " ")
                + (arg["op"]?.string ?? "")
        }
        for name in rule["names"]?.strings ?? [] {
            let errno = digits(rule["errnoRet"]) ?? "-"
            set.insert("\(name) \(rule["action"]?.string ?? "?") \(errno) \(args)")
        }
    }
    return set
}

private func digits(_ value: JSONValue?) -> String? { value?.integer.map { String($0) } }

@Suite struct SeccompTests {
    let json: [UInt8]
    let profile: SeccompProfile

    init() throws {
        json = Array(
            try Data(contentsOf: URL(fileURLWithPath: "/usr/share/containers/seccomp.json")))
        profile = try SeccompProfile(json: json)
    }

    /// The verdicts by containers-common's rules, in a second and different implementation.
    func expected(_ capabilities: Set<String>) throws -> Set<String> {
        let rules = try #require(parsed(json)["syscalls"]?.elements).filter { rule in
            let arches = rule["includes"]?["arches"]?.strings ?? ["amd64"]
            let without = Set(rule["excludes"]?["caps"]?.strings ?? [])
            return arches.contains("amd64") && without.isDisjoint(with: capabilities)
                && capabilities.isSuperset(of: rule["includes"]?["caps"]?.strings ?? [])
        }
        return verdicts(rules)
    }

    @Test(arguments: [[], ["SYS_ADMIN", "SYS_TIME"], ["ALL"]])
    func whatIsPermittedIsTheSame(added: [String]) throws {
        let capabilities = Capabilities.of(try task { $0.addCapabilities = added })
        let document = profile.document(capabilities: capabilities, on: .x86, kernel: [6, 1])
        let node = try parsed(document)
        let syscalls = try #require(node["syscalls"]?.elements)
        #expect(verdicts(syscalls) == (try expected(Set(capabilities))))
        #expect(syscalls.count < 12, "merged")
        #expect(node["defaultAction"] == "SCMP_ACT_ERRNO")
        #expect(node["defaultErrnoRet"] == 38)
        #expect(node["architectures"]?.strings?.count == 3)
    }

    @Test func capabilitiesDecide() throws {
        func permits(_ name: String, _ capabilities: [String]) throws -> Bool {
            let document = profile.document(capabilities: capabilities, on: .x86, kernel: [6])
            return try verdicts(parsed(document)["syscalls"]?.elements ?? [])
                .contains("\(name) SCMP_ACT_ALLOW - []")
        }
        #expect(try permits("read", []))
        #expect(try !permits("bpf", ["CAP_SYS_TIME"]))
        #expect(try permits("bpf", ["CAP_SYS_ADMIN"]))
        #expect(try !permits("socket", []), "only with conditions")
        #expect(try permits("socket", ["CAP_AUDIT_WRITE"]))
    }

    @Test func anAbsentABIIsLeftOut() throws {
        let document = profile.document(
            capabilities: [], on: .x86, kernel: [6], without: ["SCMP_ARCH_X32"])
        #expect(
            try parsed(document)["architectures"]?.strings
                == ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"])
    }

    @Test(arguments: [
        "{", #"{"defaultAction":"A"}"#,
        #"{"defaultAction":"A","syscalls":[{"names":["x"]}]}"#,
        #"{"defaultAction":"A","syscalls":[{"names":["x"],"action":"B","includes":{"moon":1}}]}"#,
        #"{"defaultAction":"A","defaultErrno":"EMOON","syscalls":[]}"#,
        #"{"defaultAction":"A","defaultErrnoRet":1.5,"syscalls":[]}"#,
        #"{"defaultAction":"A","defaultErrnoRet":"1","defaultErrno":"EPERM","syscalls":[]}"#,
        #"{"defaultAction":"A","defaultErrnoRet":4294967296,"syscalls":[]}"#,
        #"{"defaultAction":"A","defaultAction":"B","syscalls":[]}"#,
        argument(#"{"index":0,"op":"C"}"#), argument(#"{"index":0,"value":-1,"op":"C"}"#),
        argument(#"{"index":0,"value":1,"valueTwo":0.5,"op":"C"}"#),
        argument(#"{"index":0,"value":9007199254740993.0,"op":"C"}"#),
        // Legal, but larger than JSONValue can hold. It is refused, because rounding would weaken
        // the filter.
        argument(#"{"index":0,"value":18446744073709551615,"op":"C"}"#),
    ])
    func whatIsNotUnderstoodIsRefused(text: String) {
        #expect(throws: SeccompFailure.self) { try SeccompProfile(json: Array(text.utf8)) }
    }

    static func argument(_ json: String) -> String {
        #"""
        {"defaultAction":"A","defaultErrnoRet":null,"syscalls":[
        {"names":["q\u00e9\n","\ud83d\ude00"],"action":"B","args":[\#(json)]}]}
        """#
    }

    @Test func numbersAndEscapesAreCopiedUnchanged() throws {
        let json = SeccompTests.argument(
            #"{"index":1,"value":9223372036854775807,"valueTwo":null,"op":"C"}"#)
        let document = try SeccompProfile(json: Array(json.utf8))
            .document(capabilities: [], on: .x86, kernel: [6])
        let rule = try parsed(document)["syscalls"]?.elements?.first
        #expect(rule?["names"] == ["qé\n", "😀"])
        #expect(
            rule?["args"] == [
                ["index": 1, "value": 9_223_372_036_854_775_807, "valueTwo": 0, "op": "C"]
            ]
        )
        let text = String(decoding: document, as: UTF8.self)
        #expect(text.contains(#""value":9223372036854775807,"#))
    }

    @Test func disagreeingRulesKeepTheirOrderAndTheDefaultIsNotRepeated() throws {
        let text = #"""
            {"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":38,"syscalls":[
            {"names":["a","b"],"action":"SCMP_ACT_ALLOW"},
            {"names":["c"],"action":"SCMP_ACT_ERRNO","errnoRet":1},
            {"names":["c"],"action":"SCMP_ACT_ALLOW"},
            {"names":["d"],"action":"SCMP_ACT_ERRNO","errnoRet":38},
            {"names":["e","a"],"action":"SCMP_ACT_ALLOW"},
            {"names":["new"],"action":"SCMP_ACT_ALLOW","includes":{"minKernel":"5.10"}}]}
            """#
        let profile = try SeccompProfile(json: Array(text.utf8))
        let document = profile.document(capabilities: [], on: .arm, kernel: [5, 9])
        let names = try parsed(document)["syscalls"]?.elements?.map { $0["names"]?.strings }
        #expect(names == [["a", "b", "e"], ["c"], ["c"]])
    }

    @Test func theCacheAnswersTheSameBytes() throws {
        let cache = SeccompCache(profile, on: .x86, kernel: [6])
        let first = cache.document(for: ["CAP_KILL"])
        #expect(first == cache.document(for: ["CAP_KILL"]))
        #expect(first != cache.document(for: ["CAP_SYS_ADMIN"]))
        let native = try parsed(cache.document(for: ["CAP_KILL"], isNativeOnly: true))
        #expect(native["architectures"]?.strings == ["SCMP_ARCH_X86_64"])
        #expect(first == cache.document(for: ["CAP_KILL"]))
    }
}
