// Which documents have a program, and which documents have the same one. The machine tests compare
// the programs with those of crun, and their effect with runc's.

import Foundation
import Testing

@testable import Seccomp

/// `linux.seccomp` with these rules; every other call fails with ENOSYS.
private func program(_ rules: String, _ head: String = standard) throws -> [UInt8] {
    try FilterProgram.compiled(from: Array("{\(head), \"syscalls\": [\(rules)]}".utf8))
}

private let standard = """
    "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 38,
    "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"]
    """

private let allow = #"{"names": ["read", "write"], "action": "SCMP_ACT_ALLOW"}"#

private func socket(_ arguments: String) -> String {
    #"{"names": ["socket"], "action": "SCMP_ACT_ALLOW", "args": [\#(arguments)]}"#
}

private func condition(_ index: Int, _ value: Int) -> String {
    #"{"index": \#(index), "value": \#(value), "valueTwo": 0, "op": "SCMP_CMP_EQ"}"#
}

@Suite struct FilterProgramTests {
    @Test(
        "a document that is not understood in full has no program",
        arguments: [
            (allow, #""defaultAction": "SCMP_ACT_NOTIFY""#), (allow, #""defaultAction": "deny""#),
            (allow, #""defaultAction": "SCMP_ACT_ALLOW", "defaultErrnoRet": 1"#),
            (allow, #""defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 65536"#),
            (allow, #""defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_MOON"]"#),
            (allow, #""defaultAction": "SCMP_ACT_ERRNO", "architectures": ["x86"]"#),
            (#"{"names": ["read"], "action": "SCMP_ACT_NOTIFY"}"#, standard),
            (#"{"names": ["read"], "action": "SCMP_ACT_ALLOW", "errnoRet": 1}"#, standard),
            (#"{"action": "SCMP_ACT_ALLOW"}"#, standard),
            (socket(condition(6, 1)), standard),
            (socket(#"{"index": 0, "value": 1, "op": "SCMP_CMP_MOON"}"#), standard),
            (socket(#"{"index": 0, "value": -1, "op": "SCMP_CMP_EQ"}"#), standard),
            (socket(#"{"value": 1, "op": "SCMP_CMP_EQ"}"#), standard),
        ])
    func refused(_ rules: String, _ head: String) {
        #expect(throws: FilterRefusal.self) { try program(rules, head) }
    }

    @Test("what is no JSON has no program")
    func malformed() {
        #expect(throws: FilterRefusal.self) { try FilterProgram.compiled(from: Array("{".utf8)) }
    }

    @Test("conditions on one argument are alternatives, on several they hold together")
    func alternatives() throws {
        let both = try program(socket(condition(0, 2) + "," + condition(0, 10)))
        let apart = try program(socket(condition(0, 2)) + "," + socket(condition(0, 10)))
        #expect(both == apart)
        let together = try program(socket(condition(0, 2) + "," + condition(1, 10)))
        let loose = try program(socket(condition(0, 2)) + "," + socket(condition(1, 10)))
        #expect(together != loose)
    }

    @Test("an unknown call and a rule that equals the default change nothing")
    func passedOver() throws {
        let unknown = #"{"names": ["staunch_moon"], "action": "SCMP_ACT_ALLOW"}"#
        let same = #"{"names": ["bpf"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38}"#
        #expect(try program([allow, unknown, same].joined(separator: ",")) == program(allow))
    }

    @Test(
        "each member of a rule and of the document counts",
        arguments: [
            (#"{"names": ["read"], "action": "SCMP_ACT_ALLOW"}"#, standard),
            (#"{"names": ["read", "write"], "action": "SCMP_ACT_LOG"}"#, standard),
            (
                #"{"names": ["read", "write"], "action": "SCMP_ACT_ERRNO", "errnoRet": 5}"#,
                standard
            ),
            (#"{"names": ["read", "write"], "action": "SCMP_ACT_ERRNO"}"#, standard),
            (allow, standard.replacing("38", with: "1")),
            (allow, standard.replacing("SCMP_ACT_ERRNO", with: "SCMP_ACT_TRACE")),
            (allow, standard.replacing(#", "SCMP_ARCH_X86""#, with: "")),
            (allow, #""defaultAction": "SCMP_ACT_KILL_PROCESS""#),
        ])
    func counts(_ rules: String, _ head: String) throws {
        let usual = try program(allow)
        #expect(FilterProgram.isPlausible(usual))
        #expect(try program(rules, head) != usual)
    }

    @Test(
        "only whole instructions that the kernel takes are a program", arguments: [0, 7, 9, 32776])
    func implausible(_ count: Int) {
        #expect(!FilterProgram.isPlausible([UInt8](repeating: 0, count: count)))
        #expect(FilterProgram.isPlausible([UInt8](repeating: 0, count: 32768)))
    }
}
