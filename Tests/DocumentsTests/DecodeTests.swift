import Documents
import JSON
import Model
import Testing

@Suite struct DecodeTests {
    private func task(_ members: String) throws -> TaskSpec {
        try TaskSpec.decode(json("{\(minimal)\(members)}"), name: app)
    }

    private let minimal = #""rootfs":{"path":"/r"},"args":["sh"]"#

    @Test func anEmptyPodIsAllDefaults() throws {
        #expect(try pod("{}") == PodSpec(hostname: "web"))
    }

    @Test func aMinimalTaskIsAllDefaults() throws {
        let spec = try task("")
        #expect(spec == TaskSpec(name: app, rootfs: "/r", args: ["sh"]))
        #expect(spec.resources == TaskResources(pids: 4096))
        #expect(spec.cwd == "/" && spec.user.description == "0:0" && spec.start)
        #expect(spec.noNewPrivileges && spec.compat32)
        #expect(spec.stopSignal == .term && spec.gracePeriod == 10_000)
    }

    @Test func everyMemberIsRead() throws {
        let spec = try task(
            #"""
            ,"labels":{"a":"b"},"annotations":{"c":"d"},
            "env":{"A":"1","B":""},"cwd":"/w","user":"app:www","mounts":[
            {"type":"bind","source":"/s","target":"/t","readOnly":true,"create":true,
            "propagation":"slave"},
            {"type":"tmpfs","target":"/dev/shm","size":65536},{"type":"tmpfs","target":"/u"}],
            "resources":{"memory":6291456,"cpus":0.0125,"pids":1},
            "capabilities":{"add":["CAP_SYS_TIME","NET_RAW","SYS_TIME"],"drop":["ALL"]},
            "noNewPrivileges":false,"compat32":false,"stopSignal":"SIGRTMIN+3","gracePeriod":1.5,
            "start":false
            """#)
        var expected = TaskSpec(
            name: app, rootfs: "/r", args: ["sh"], env: ["A": "1", "B": ""], cwd: "/w",
            user: try #require(UserSpec("app:www")),
            mounts: [
                MountSpec(
                    kind: .bind(source: "/s"), target: "/t", readOnly: true, propagation: .slave,
                    create: true),
                MountSpec(kind: .tmpfs(size: 65536), target: "/dev/shm"),
                MountSpec(kind: .tmpfs(size: nil), target: "/u"),
            ],
            resources: TaskResources(memory: 6_291_456, milliCPUs: 13, pids: 1),
            addCapabilities: ["NET_RAW", "SYS_TIME"], dropCapabilities: ["ALL"],
            noNewPrivileges: false, compat32: false, stopSignal: signal(37), gracePeriod: 1500,
            start: false)
        expected.labels = ["a": "b"]
        expected.annotations = ["c": "d"]
        #expect(spec == expected)
    }

    @Test func tasksStandInTheOrderOfTheirNames() throws {
        let spec = try pod(
            "{\"tasks\":{\"b\":{\(minimal)},\"a\":{\(minimal)}},\"sharePID\":false,"
                + #""labels":{"a":"b"},"annotations":{"":"x"},"hostname":"A.b-c"}"#
                .replacing("\"\":", with: "\"k\":"))
        #expect(spec.tasks.map(\.name.text) == ["a", "b"])
        #expect(spec.hostname == "A.b-c")
        #expect(spec.labels == ["a": "b"] && spec.annotations == ["k": "x"])
    }

    @Test(arguments: [
        ("[]", [""]), ("null", [""]), (#"{"x":1}"#, ["/x"]), (#"{"a/b~":1}"#, ["/a~1b~0"]),
        (#"{"labels":[]}"#, ["/labels"]), (#"{"labels":{"a":1}}"#, ["/labels/a"]),
        (#"{"labels":{"":"x"}}"#, ["/labels/"]), (#"{"labels":{"a":"\u0000"}}"#, ["/labels/a"]),
        (#"{"labels":null}"#, ["/labels"]), (#"{"annotations":{"a":null}}"#, ["/annotations/a"]),
        (#"{"labels":{"\u00e9":"x","e\u0301":"y"}}"#, ["/labels/e\u{301}"]),
        (#"{"hostname":"a_b"}"#, ["/hostname"]), (#"{"hostname":"a..b"}"#, ["/hostname"]),
        (#"{"hostname":""}"#, ["/hostname"]), (#"{"hostname":5}"#, ["/hostname"]),
        (#"{"network":{"mode":"x"}}"#, ["/network/mode"]), (#"{"network":"host"}"#, ["/network"]),
        (#"{"network":{"name":"n","ports":[]}}"#, ["/network/name", "/network/ports"]),
        (
            #"{"network":{"mode":"bridge","name":"A","address":"fd00::1","address6":"10.0.0.1"}}"#,
            ["/network/name", "/network/address", "/network/address6"]
        ),
        (
            #"{"network":{"mode":"bridge","ports":[{"hostPort":0,"containerPort":65536},1]}}"#,
            [
                "/network/ports/0/hostPort", "/network/ports/0/containerPort", "/network/ports/1",
            ]
        ),
        (
            #"{"network":{"mode":"bridge","ports":[{"hostPort":1,"containerPort":1},"#
                + #"{"hostPort":1,"containerPort":2,"hostIP":"10.0.0.1"},"#
                + #"{"hostPort":2,"containerPort":2,"hostIP":"x","protocol":"icmp"}]}}"#,
            [
                "/network/ports/1/hostPort", "/network/ports/2/protocol",
                "/network/ports/2/hostIP",
            ]
        ),
        (#"{"dns":[]}"#, ["/dns"]), (#"{"sharePID":true,"hostPID":true}"#, ["/sharePID"]),
        (#"{"sharePID":1}"#, ["/sharePID"]), (#"{"tasks":[]}"#, ["/tasks"]),
        (#"{"resources":{"memory":6291455}}"#, ["/resources/memory"]),
        (
            #"{"resources":{"memory":-1,"cpus":0,"pids":0}}"#,
            ["/resources/memory", "/resources/cpus", "/resources/pids"]
        ),
        (
            #"{"resources":{"cpus":1024.1,"pids":4194305,"x":1}}"#,
            ["/resources/cpus", "/resources/pids", "/resources/x"]
        ),
        (
            #"{"resources":{"cpus":"1","pids":1.5,"memory":null}}"#,
            ["/resources/memory", "/resources/cpus", "/resources/pids"]
        ),
        (#"{"tasks":{"A":{"rootfs":{"path":"/"},"args":["x"]}}}"#, ["/tasks/A"]),
        (#"{"tasks":{"a":{}}}"#, ["/tasks/a/rootfs", "/tasks/a/args"]),
        (
            #"{"tasks":{"a":{"rootfs":{},"args":[],"y":1}},"x":1}"#,
            ["/tasks/a/rootfs/path", "/tasks/a/args", "/tasks/a/y", "/x"]
        ),
        (#"{"tasks":{"a":null,"A":[]}}"#, ["/tasks/a", "/tasks/A", "/tasks/A"]),
    ])
    func everyFaultOfAPodHasItsPlace(text: String, expected: [String]) {
        #expect(places { _ = try pod(text) } == expected)
    }

    @Test(arguments: [
        (#"{"rootfs":{"path":"r"},"args":["a"]}"#, ["/rootfs/path"]),
        (
            #"{"rootfs":{"path":"/a/../b","readOnly":1},"args":["a"]}"#,
            ["/rootfs/path", "/rootfs/readOnly"]
        ),
        (#"{"rootfs":{"path":"/..\u0301"},"args":["a"]}"#, []),
        (#"{"rootfs":{"path":"/\u0301/.."},"args":["a"]}"#, ["/rootfs/path"]),
        (#"{"rootfs":{"path":"/a\u0000"},"args":["a"]}"#, ["/rootfs/path"]),
        (#"{"rootfs":"/r","args":"a"}"#, ["/rootfs", "/args"]),
        (
            #"{"rootfs":{"path":"/r","x":1},"args":["",1,"\u0000"]}"#,
            ["/rootfs/x", "/args/1", "/args/2"]
        ),
        (#"{"rootfs":{"path":"/r"},"args":[""]}"#, ["/args/0"]),
    ])
    func everyFaultOfTheRequiredHasItsPlace(text: String, expected: [String]) {
        #expect(places { _ = try TaskSpec.decode(json(text), name: app) } == expected)
    }

    @Test(arguments: [
        (
            #""env":{"":"1","A=":"2","B\u0301=\u0301":"3","C":4,"D":"\u0000"}"#,
            ["/env/", "/env/A=", "/env/B\u{301}=\u{301}", "/env/C", "/env/D"]
        ),
        (#""labels":null"#, ["/labels"]), (#""labels":{"":"x"}"#, ["/labels/"]),
        (#""annotations":{"a":1,"b":"\u0000"}"#, ["/annotations/a", "/annotations/b"]),
        (#""cwd":"x""#, ["/cwd"]), (#""user":"a:b:c""#, ["/user"]), (#""user":0"#, ["/user"]),
        (#""user":"4294967295""#, ["/user"]), (#""restart":[]"#, ["/restart"]),
        (
            #""restart":{"policy":"x","maxRetries":1.5,"backoff":{"initial":-1,"max":86401}}"#,
            [
                "/restart/policy", "/restart/maxRetries", "/restart/backoff/initial",
                "/restart/backoff/max",
            ]
        ),
        (#""health":[]"#, ["/health"]), (#""health":{}"#, ["/health"]),
        (#""health":{"exec":null}"#, ["/health/exec"]),
        (#""health":{"tcp":{"port":1},"exec":{"args":["a"]}}"#, ["/health"]),
        (#""health":{"tcp":{"port":1},"http":{"port":1}}"#, ["/health"]),
        (
            #""health":{"tcp":{},"interval":0.09,"timeout":3601,"retries":0,"startPeriod":-1}"#,
            [
                "/health/tcp/port", "/health/interval", "/health/timeout", "/health/retries",
                "/health/startPeriod",
            ]
        ),
        (
            #""health":{"tcp":{"port":65536,"host":"h"},"onFailure":"reboot","x":1}"#,
            ["/health/tcp/port", "/health/tcp/host", "/health/onFailure", "/health/x"]
        ),
        (#""health":{"exec":{"args":[]}}"#, ["/health/exec/args"]),
        (
            #""health":{"http":{"port":0,"path":"x","host":""}}"#,
            ["/health/http/port", "/health/http/path", "/health/http/host"]
        ),
        (
            #""health":{"http":{"port":1,"path":"/ x","host":"a\r\nb"}}"#,
            ["/health/http/path", "/health/http/host"]
        ),
        (#""health":{"http":{"port":1,"path":"/\u00e9"}}"#, ["/health/http/path"]),
        (#""stopSignal":"NOPE""#, ["/stopSignal"]), (#""stopSignal":15"#, ["/stopSignal"]),
        (#""gracePeriod":-1"#, ["/gracePeriod"]), (#""gracePeriod":86400.1"#, ["/gracePeriod"]),
        (#""gracePeriod":1e300"#, ["/gracePeriod"]), (#""start":"yes""#, ["/start"]),
        (#""noNewPrivileges":null"#, ["/noNewPrivileges"]), (#""compat32":1"#, ["/compat32"]),
        (
            #""capabilities":{"add":["X","CAP_CAP_KILL",1],"drop":{},"x":1}"#,
            [
                "/capabilities/add/0", "/capabilities/add/1", "/capabilities/add/2",
                "/capabilities/drop", "/capabilities/x",
            ]
        ),
        (#""capabilities":{"add":["\u212aILL"]}"#, ["/capabilities/add/0"]),
        (#""mounts":{}"#, ["/mounts"]), (#""mounts":[1]"#, ["/mounts/0"]),
        (#""mounts":[{}]"#, ["/mounts/0/type", "/mounts/0/target"]),
        (#""mounts":[{"type":"nfs","target":"/t","source":"/s"}]"#, ["/mounts/0/type"]),
        (#""mounts":[{"type":"bind","target":"/t"}]"#, ["/mounts/0/source"]),
        (
            #""mounts":[{"type":"bind","target":"/t","source":"s","size":1}]"#,
            ["/mounts/0/source", "/mounts/0/size"]
        ),
        (
            #""mounts":[{"type":"bind","target":"/t","source":"/s","create":1,"propagation":"x"}]"#,
            ["/mounts/0/propagation", "/mounts/0/create"]
        ),
        (
            #""mounts":[{"type":"tmpfs","target":"/t","propagation":"shared"}]"#,
            ["/mounts/0/propagation"]
        ),
        (
            #""mounts":[{"type":"tmpfs","target":"/t","source":"/s","size":0}]"#,
            ["/mounts/0/size", "/mounts/0/source"]
        ),
        (
            #""mounts":[{"type":"tmpfs","target":"/t"},{"type":"tmpfs","target":"//t/."}]"#,
            ["/mounts/1/target"]
        ),
        (#""name":"x""#, ["/name"]),
    ])
    func everyFaultOfATaskHasItsPlace(members: String, expected: [String]) {
        #expect(places { _ = try task("," + members) } == expected)
    }

    @Test(arguments: [
        "/", "//", "/.", "/proc", "/proc/", "/./proc/x", "/sys", "/sys/fs/cgroup", "/dev", "/dev/.",
        "/a/..", "t", "",
    ])
    func noMountGoesThere(target: String) {
        let members = #","mounts":[{"type":"tmpfs","target":"\#(target)"}]"#
        #expect(places { _ = try task(members) } == ["/mounts/0/target"])
    }

    @Test(arguments: ["/dev/shm", "/procs", "/a/proc", "/sysx", "/a/...", "/dev/x"])
    func mountsMayGoThere(target: String) throws {
        #expect(try task(#","mounts":[{"type":"tmpfs","target":"\#(target)"}]"#).mounts.count == 1)
    }

    @Test func boundsHold() throws {
        func labels(_ count: Int, key: String = "k", value: String = "v") -> String {
            let members = (0..<count).map { "\"\(key)\($0)\":\"\(value)\"" }
            return #"{"labels":{\#(members.joined(separator: ","))}}"#
        }
        let long = { String(repeating: "x", count: $0) }
        #expect(throws: Never.self) { try pod(labels(256)) }
        #expect(places { _ = try pod(labels(257)) } == ["/labels"])
        #expect(throws: Never.self) { try pod(labels(1, key: long(252))) }
        #expect(places { _ = try pod(labels(1, key: long(253))) }.count == 1)
        #expect(throws: Never.self) { try pod(labels(1, value: long(65536))) }
        #expect(places { _ = try pod(labels(1, value: long(65537))) } == ["/labels/k0"])
        #expect(throws: Never.self) { try task(#","cwd":"/\#(long(4094))""#) }
        #expect(places { _ = try task(#","cwd":"/\#(long(4095))""#) } == ["/cwd"])
        #expect(places { _ = try pod(#"{"hostname":"\#(long(64))"}"#) } == ["/hostname"])
        let tasks = (0..<65).map { "\"t\($0)\":{\(minimal)}" }.joined(separator: ",")
        #expect(places { _ = try pod(#"{"tasks":{\#(tasks)}}"#) } == ["/tasks"])
        let mounts = (0..<129).map { #"{"type":"tmpfs","target":"/m\#($0)"}"# }
        let list = mounts.joined(separator: ",")
        #expect(places { _ = try task(#","mounts":[\#(list)]"#) } == ["/mounts"])
    }

    @Test func faultsThatNobodyWouldReadAreCounted() throws {
        let members = (0..<1000).map { "\"x\($0)\":0" }.joined(separator: ",")
        let faults = #expect(throws: DocumentFaults.self) { try pod("{\(members)}") }
        #expect(faults?.faults.count == 256)
        #expect(faults?.omitted == 744)
        #expect(faults?.detail == "'/x0' unknown member, and 999 more")
    }

    @Test func theCodeSaysWhetherAllIsMerelyLeftOut() {
        func code(_ text: String) -> ProblemCode? {
            #expect(throws: DocumentFaults.self) { try pod(text) }?.code
        }
        #expect(code(#"{"volumes":{"v":{"size":1}}}"#) == .notSupported)
        #expect(code(#"{"volumes":{"v":{"size":1}},"x":1}"#) == .invalidDocument)
    }

    @Test func detailsSayWhatIsWrong() {
        let text = #"{"resources":{"memory":5,"cpus":2000,"pids":"x"},"hostname":7}"#
        #expect(
            faults { _ = try pod(text) } == [
                "/hostname: must be a string, and is a number",
                "/resources/memory: no process can start under 6291456 bytes",
                "/resources/cpus: must be 0.01 to 1024, and is 2000",
                "/resources/pids: must be a whole number, and is a string",
            ])
    }
}
