// A process's document as a program that the shim starts without the runtime.

import JSON
import Kernel
import Model
import Testing

@testable import OCI

@Suite struct ProgramRulesTests {
    private static let whole = #"""
        {"terminal":false,"args":["a","b"],"env":["A=b","HOME=/x"],"cwd":"/y",
        "capabilities":{"bounding":["CAP_CHOWN","CAP_CHECKPOINT_RESTORE"],
        "effective":["CAP_KILL"],"permitted":["CAP_KILL"],"inheritable":["CAP_SETGID"],
        "ambient":["CAP_SETUID"]},"noNewPrivileges":false,"oomScoreAdj":-5,
        "user":{"uid":1,"gid":2,"umask":23,"additionalGids":[3,4]}}
        """#

    private func program(_ text: String, _ runtime: String = "runc") -> TaskProgram? {
        ProgramRules(runtime: runtime)?.program(
            Array(text.utf8), [ProcessLimit(type: "RLIMIT_NOFILE", soft: 7, hard: .max)], "id")
    }

    @Test("each member of the document is in the program")
    func members() throws {
        var expected = TaskProgram(
            ["a", "b"], environment: ["A=b", "HOME=/x"], keyring: "_ses.id")
        expected.directory = "/y"
        (expected.uid, expected.gid, expected.umask) = (1, 2, 0o27)
        expected.groups = [3, 4]
        (expected.bounding, expected.permitted) = (1 | 1 << 40, 1 << 5)
        (expected.inheritable, expected.ambient) = (1 << 6, 1 << 7)
        expected.noNewPrivileges = false
        expected.oomScore = -5
        expected.limits = [TaskProgram.Limit(resource: 7, soft: 7, hard: .max)]
        #expect(program(Self.whole) == expected)
        #expect(program(Self.whole, "crun")?.keyring == "")
        #expect(program(Self.whole, "runsc") == nil)
    }

    @Test(
        "a document with anything unknown has no program",
        arguments: [
            ("\"terminal\":false", "\"terminal\":true"),
            ("\"terminal\":false", "\"apparmorProfile\":\"x\""),
            ("\"terminal\":false", "\"selinuxLabel\":\"x\""),
            ("\"terminal\":false", "\"ioPriority\":{}"),
            ("\"HOME=/x\"", "\"HOME=\""), ("\"cwd\":\"/y\"", "\"cwd\":\"y\""),
            ("[\"a\",\"b\"]", "[]"), ("[\"a\",\"b\"]", "[\"a\",1]"),
            ("\"permitted\":[\"CAP_KILL\"]", "\"permitted\":[]"), ("CAP_CHOWN", "CAP_NEW"),
            ("\"ambient\"", "\"other\""),
            ("\"terminal\":false", "\"rlimits\":[]"), ("\"uid\":1", "\"uid\":4294967295"),
            ("\"umask\":23", "\"username\":\"x\""), ("[3,4]", "[3,-4]"),
            ("\"oomScoreAdj\":-5", "\"oomScoreAdj\":9999999999"),
        ])
    func unknown(_ old: String, _ new: String) throws {
        let changed = Self.whole.split(separator: old, omittingEmptySubsequences: false)
        try #require(changed.count == 2)
        #expect(program(changed.joined(separator: new)) == nil)
    }

    @Test("the process of a check is known, whatever a task may have")
    func realProcess() throws {
        let task = try task {
            $0.addCapabilities = ["ALL"]
            $0.security.ambientCapabilities = ["NET_RAW"]
            $0.resources.oomScoreAdj = 7
        }
        let process = RuntimeSpec.process(of: ExecSpec(args: ["x"]), in: task, host: plainHost)
        let user = #","user":{"uid":0,"gid":0,"umask":18,"additionalGids":[]}}"#
        let known = try #require(ProgramRules(runtime: "runc")).program(
            process.asRoot + Array(user.utf8),
            ProcessLimit.types.map { ProcessLimit(type: $0, soft: 1, hard: 2) }, "id")
        #expect(known?.bounding == (1 << UInt64(Capabilities.all.count)) - 1)
        #expect(known?.limits.map(\.resource) == Array(0..<16))
    }

    @Test(
        "a filter is known if the runtime makes nothing else of it",
        arguments: [
            (#"{"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":38,"syscalls":[]}"#, true, true),
            (#"{"defaultAction":"SCMP_ACT_ALLOW","architectures":[]}"#, true, true),
            (#"{"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":1}"#, false, true),
            (#"{"defaultAction":"SCMP_ACT_KILL"}"#, false, true),
            (#"{"defaultAction":"SCMP_ACT_ALLOW","flags":[]}"#, false, false),
            (#"{"defaultAction":"SCMP_ACT_ALLOW","listenerPath":"x"}"#, false, false),
        ])
    func filter(_ text: String, _ runc: Bool, _ crun: Bool) throws {
        let document = Array(text.utf8)
        #expect(try #require(ProgramRules(runtime: "runc")).knows(filter: document) == runc)
        #expect(try #require(ProgramRules(runtime: "crun")).knows(filter: document) == crun)
    }
}
