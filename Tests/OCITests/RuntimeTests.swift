// Recorded output of the runtimes (Debian 12: runc 1.1.5, crun 1.8.1).

import JSON
import Testing

@testable import OCI

@Suite struct RuntimeTests {
    @Test func versionsAreRead() {
        let runc = """
            runc version 1.1.5+ds1
            commit: 1.1.5+ds1-1+deb12u1
            spec: 1.0.2-dev
            go: go1.19.8
            libseccomp: 2.5.4
            """
        let version = RuntimeVersion(Array(runc.utf8), program: "/usr/sbin/runc")
        #expect(version?.name == "runc")
        #expect(version?.version == "1.1.5+ds1")
        #expect(version?.commit == "1.1.5+ds1-1+deb12u1")
        let crun = "crun version 1.8.1\ncommit: f8a096be\nrundir: /run/crun\nspec: 1.0.0\n+SYSTEMD"
        for text in [crun, crun.replacing("\n", with: "\r\n")] {
            let version = RuntimeVersion(Array(text.utf8), program: "/usr/bin/crun")
            #expect(version?.version == "1.8.1")
            #expect(version?.commit == "f8a096be")
        }
    }

    @Test(
        "only crun from 1.0 on gets compiled filters, and only crun may omit them",
        arguments: [
            ("crun version 1.8.1", true, true), ("crun version 1.20", true, true),
            ("crun version 0.17", false, true), ("crun version 2.0", false, true),
            ("crun version 10.1", false, true), ("runc version 1.1.5+ds1", false, false),
            ("youki version: 1.3.3", false, false),
        ])
    func filters(_ text: String, _ takes: Bool, _ mayOmit: Bool) {
        let version = RuntimeVersion(Array(text.utf8), program: "/usr/bin/oci")
        #expect(version?.takesCompiledFilters == takes)
        #expect(version?.mayOmitFilters == mayOmit)
    }

    @Test(
        "any text of --version is accepted",
        arguments: [
            ("youki version: 0.3.3\ncommit: 4a1b", "oci", "0.3.3"),
            ("kata-runtime  : 3.2.0\n   commit   : ff\n   OCI specs: 1.0.2-dev", "oci", "3.2.0"),
            ("sysbox-runc\n\tedition: \tCE\n\tversion: \tv0.6.2", "oci", "v0.6.2"),
            ("the runtime of the house", "oci", "the runtime of the house"),
            ("runc version 1.1.5 (Debian)", "runc", "1.1.5"),
            (String(repeating: "x", count: 300), "oci", String(repeating: "x", count: 128)),
        ])
    func otherWords(text: String, name: String, version: String) {
        let read = RuntimeVersion(Array(text.utf8), program: "/usr/bin/oci")
        #expect(read?.name == name)
        #expect(read?.version == version)
    }

    @Test(
        "output that is not text is not a version",
        arguments: [
            [], [0x0a], [0xff, 0xfe], Array("runc version 1.1.5".utf8) + [0], [0x1b, 0x63],
        ])
    func noText(said: [UInt8]) { #expect(RuntimeVersion(said, program: "/oci") == nil) }

    static let start = "runc run failed: unable to start container process: "
    static let recorded: [(String, RuntimeRefusal.Cause)] = [
        (start + #"exec: \"nope\": executable file not found in $PATH"#, .executableNotFound),
        (start + #"exec: \"/nope\": stat /nope: no such file or directory"#, .executableNotFound),
        (start + #"exec: \"/plain\": permission denied"#, .executableNotPermitted),
        (
            start + "error during container init: mkdir /plain: not a directory", .cwdMissing
        ),
        (
            start + "error during container init: error setting cgroup config for procHooks "
                + "process: unable to set memory limit to 400000 (current usage: 1880064, peak "
                + "usage: 1982464)", .memoryTooLow
        ),
        (
            start + #"error during container init: error mounting \"/none\" to rootfs at \"/x\": "#
                + "stat /none: no such file or directory", .mountSourceMissing
        ),
        ("container does not exist", .containerUnknown),
        ("runc run failed: container with given ID already exists", .containerExists),
        ("cannot delete container smp1 that is not stopped: running", .containerNotStopped),
        ("runc run failed: args must not be empty", .other),
        ("cannot open directory '/r/ghost': No such file or directory", .containerUnknown),
        ("error opening file `/r/ghost/status`: No such file or directory", .containerUnknown),
    ]

    @Test(arguments: recorded)
    func refusalsAreClassified(escaped: String, cause: RuntimeRefusal.Cause) {
        let line = #"{"level":"error","msg":"\#(escaped)","time":"2026-11-23T20:32:17Z"}"#
        let refusal = RuntimeRefusal(log: Array(line.utf8), standardError: [])
        #expect(refusal.cause == cause, "\(refusal.message)")
        #expect(!refusal.message.contains("level"))
    }

    @Test func theLastErrorIsShownAndWarningsAreNot() {
        let log = """
            {"level":"error","msg":"first","time":"t"}
            {"level":"error","msg":"second \\"x\\"","time":"t"}
            {"level":"warning","msg":"third","time":"t"}

            """
        let refusal = RuntimeRefusal(log: Array(log.utf8), standardError: Array("other".utf8))
        #expect(refusal.message == "second \"x\"")
    }

    /// Output of a runtime that was killed, and lines that no runtime writes. Each line is shown,
    /// and none hides the errors around it. No line counts as an error if its level says otherwise.
    @Test(
        arguments: [
            (#"{"level":"error","msg":"container does not ex"#, .other, nil),
            (#"{"level":"error","msg":"no name \ud83d"#, .other, nil),
            (#"{"level":"error","msg":12}"#, .other, nil),
            (#"{"level":"error","msg":null}"#, .other, nil),
            (#"{"level":"error"}"#, .other, nil), ("null", .other, nil), ("[]", .other, nil),
            ("panic: runtime error", .other, nil), ("{} {}", .other, nil),
            ("\0\u{1b}[31m", .other, nil),
            (String(repeating: "[", count: 10_000), .other, nil),
            (#"{"msg":"container does not exist"}"#, .containerUnknown, "container does not exist"),
            (#"{"level":null,"msg":"x"}"#, .other, "x"), (#"{"level":7,"msg":"x"}"#, .other, "x"),
            (" \t\r", .containerExists, before), ("", .containerExists, before),
            (#"{"level":"info","msg":"x"}"#, .containerExists, before),
        ] as [(String, RuntimeRefusal.Cause, String?)])
    func anyLineIsTolerated(line: String, cause: RuntimeRefusal.Cause, message: String?) {
        let log = #"{"level":"error","msg":"\#(RuntimeTests.before)"}"# + "\n" + line
        let last = RuntimeRefusal(log: Array(log.utf8), standardError: Array("other".utf8))
        #expect(last.cause == cause)
        #expect(last.message == message ?? line)
        let first = #"\#(line)\#n{"level":"error","msg":"container does not exist","time":"t"}"#
        #expect(
            RuntimeRefusal(log: Array(first.utf8), standardError: []).cause == .containerUnknown)
    }

    static let before = "container with given ID already exists"

    /// crun prints the bytes of a path unchanged, and they need not be UTF-8.
    @Test(arguments: [
        ("warning", RuntimeRefusal.Cause.containerExists), ("error", .mountSourceMissing),
    ])
    func bytesThatAreNoUTF8AreRepaired(level: String, cause: RuntimeRefusal.Cause) {
        let before = #"{"level":"error","msg":"\#(RuntimeTests.before)"}"#
        let log =
            Array((before + "\n" + #"{"level":"\#(level)","msg":"mount /"#).utf8) + [0xff, 0xc3]
            + Array(#": No such file"}"#.utf8)
        let refusal = RuntimeRefusal(log: log, standardError: [])
        #expect(refusal.cause == cause)
        #expect(!refusal.message.contains("level"))
    }

    @Test func standardErrorCountsIfTheLogIsEmpty() {
        let text = "chdir `/none` failed: No such file or directory\n"
        let refusal = RuntimeRefusal(log: [], standardError: Array(text.utf8))
        #expect(refusal.message == "chdir `/none` failed: No such file or directory")
        #expect(RuntimeRefusal(log: [], standardError: []).cause == .other)
    }

    @Test(arguments: [
        "", "{", "[1,", #""\u12"#, "nul", "1 2", #"{"a" 1}"#, "\u{1}",
        String(repeating: "[", count: 99),
    ])
    func brokenJSONIsNotRead(text: String) {
        #expect(throws: JSONFault.self) { try parsed(Array(text.utf8)) }
        #expect(RuntimeFeatures(json: Array(text.utf8)) == nil)
        #expect(throws: SeccompFailure.self) { try SeccompProfile(json: Array(text.utf8)) }
    }

    @Test func featuresAreRead() throws {
        let text = #"""
            {"ociVersionMin":"1.0.0","mountOptions":["ro","rro"],
            "linux":{"seccomp":{"enabled":true,"actions":null},"cgroup":{"v1":true}}}
            """#
        let features = try #require(RuntimeFeatures(json: Array(text.utf8)))
        #expect(features.hasRecursiveReadOnly)
        let bare = try #require(RuntimeFeatures(json: Array("{}".utf8)))
        #expect(!bare.hasRecursiveReadOnly)
    }
}
