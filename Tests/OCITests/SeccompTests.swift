// The translation permits what the profile permits, and nothing else.

import Foundation
import Model
import Testing

@testable import OCI

/// `linux.seccomp` as a set of single verdicts, whichever way they are grouped.
func verdicts(_ syscalls: [Node]) -> Set<String> {
    var set: Set<String> = []
    for rule in syscalls {
        let args = (rule["args"]?.items ?? []).map { arg in
            ["index", "value", "valueTwo"].map { arg[$0]?.digits ?? "0" }.joined(separator: " ")
                + (arg["op"]?.text ?? "")
        }
        for name in rule["names"]?.strings ?? [] {
            let errno = rule["errnoRet"]?.digits ?? "-"
            set.insert("\(name) \(rule["action"]?.text ?? "?") \(errno) \(args)")
        }
    }
    return set
}

@Suite struct SeccompTests {
    let json: [UInt8]
    let profile: SeccompProfile

    init() throws {
        json = Array(
            try Data(contentsOf: URL(fileURLWithPath: "/usr/share/containers/seccomp.json")))
        profile = try SeccompProfile(json: json)
    }

    /// What holds of the profile by containers-common's rules, written once more and differently.
    func expected(_ capabilities: Set<String>) throws -> Set<String> {
        let rules = try #require(NodeReader.read(json)?["syscalls"]?.items).filter { rule in
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
        let node = try #require(NodeReader.read(document))
        let syscalls = try #require(node["syscalls"]?.items)
        #expect(verdicts(syscalls) == (try expected(Set(capabilities))))
        #expect(syscalls.count < 12, "merged")
        #expect(node["defaultAction"] == "SCMP_ACT_ERRNO")
        #expect(node["defaultErrnoRet"] == 38)
        #expect(node["architectures"]?.strings?.count == 3)
    }

    @Test func capabilitiesDecide() throws {
        func permits(_ name: String, _ capabilities: [String]) -> Bool {
            let document = profile.document(capabilities: capabilities, on: .x86, kernel: [6])
            return verdicts(NodeReader.read(document)?["syscalls"]?.items ?? [])
                .contains("\(name) SCMP_ACT_ALLOW - []")
        }
        #expect(permits("read", []))
        #expect(!permits("bpf", ["CAP_SYS_TIME"]))
        #expect(permits("bpf", ["CAP_SYS_ADMIN"]))
        #expect(!permits("socket", []), "only with conditions")
        #expect(permits("socket", ["CAP_AUDIT_WRITE"]))
    }

    @Test func anAbsentABIIsLeftOut() throws {
        let document = profile.document(
            capabilities: [], on: .x86, kernel: [6], without: ["SCMP_ARCH_X32"])
        #expect(
            NodeReader.read(document)?["architectures"]?.strings
                == ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"])
    }

    @Test(arguments: [
        "{", #"{"defaultAction":"A"}"#,
        #"{"defaultAction":"A","syscalls":[{"names":["x"]}]}"#,
        #"{"defaultAction":"A","syscalls":[{"names":["x"],"action":"B","includes":{"moon":1}}]}"#,
        #"{"defaultAction":"A","defaultErrno":"EMOON","syscalls":[]}"#,
    ])
    func whatIsNotUnderstoodIsRefused(text: String) {
        #expect(throws: SeccompFailure.self) { try SeccompProfile(json: Array(text.utf8)) }
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
        let names = NodeReader.read(document)?["syscalls"]?.items?.map { $0["names"]?.strings }
        #expect(names == [["a", "b", "e"], ["c"], ["c"]])
    }

    @Test func theCacheAnswersTheSameBytes() {
        let cache = SeccompCache(profile, on: .x86, kernel: [6])
        let first = cache.document(for: ["CAP_KILL"])
        #expect(first == cache.document(for: ["CAP_KILL"]))
        #expect(first != cache.document(for: ["CAP_SYS_ADMIN"]))
    }
}
