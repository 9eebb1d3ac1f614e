import Bytes
import Documents
import JSON
import Kernel
import Model
import Testing

@Suite struct EncodeTests {
    private let task = PodTask(
        uid: uid,
        spec: TaskSpec(
            name: app, rootfs: "/r", args: ["sh", "\n"],
            mounts: [
                MountSpec(kind: .bind(source: "/s"), target: "/t", readOnly: true),
                MountSpec(kind: .tmpfs(size: 9), target: "/u"),
            ],
            resources: TaskResources(memory: 1, milliCPUs: 1500, pids: 3),
            addCapabilities: ["KILL"],
            gracePeriod: 2500),
        state: .running(ProcessIdentity(pid: 5, startTicks: 6)), revision: 7, createdAt: noon,
        startedAt: noon)

    @Test func aTaskIsItsDocument() throws {
        let expected = try json(
            #"""
            {"uid":"\#(uid)","name":"app","state":"running","revision":7,"createdAt":"\#(noonText)",
            "startedAt":"\#(noonText)","pid":5,"exitCode":null,"signal":null,"oomKilled":null,
            "finishedAt":null,"exitUnknown":false,"neverRan":false,"attempt":1,"restarts":0,
            "nextStartAt":null,"startWaitsFor":null,"lastExit":null,"exits":[],"operation":null,
            "labels":{},"annotations":{},
            "rootfs":{"path":"/r","readOnly":false},"args":["sh","\n"],"env":{},"cwd":"/",
            "user":"0:0","mounts":[
            {"type":"bind","source":"/s","target":"/t","readOnly":true,"recursiveReadOnly":false,
            "propagation":"private","create":false},
            {"type":"tmpfs","size":9,"target":"/u","readOnly":false}],
            "resources":{"memory":1,"cpus":1.5,"pids":3},"capabilities":{"add":["KILL"],"drop":[],
            "ambient":[]},"noNewPrivileges":true,"compat32":true,"stopSignal":"TERM",
            "gracePeriod":2.5,"stdin":false,"stdinOnce":false,"tty":false,"start":true,"init":false,
            "after":[],
            "restart":{"policy":"never","maxRetries":null,"backoff":{"initial":0.1,"max":60}},
            "privileged":false,"groups":[],"groupsFromRootfs":null,
            "umask":"0022","rlimits":[],"maskedPaths":null,"readOnlyPaths":null,
            "seccomp":"default","apparmor":null,"devices":[],"log":{"onStall":"drop","path":null,
            "maxSize":10485760,"maxFiles":5,"bytes":7,"lines":1,"dropped":0},
            "health":null}
            """#)
        var task = task
        task.log = LogState(totals: LogTotals(bytes: 7, lines: 1), isComplete: false)
        #expect(try json(task) == expected)
    }

    @Test("the health of a task is its checks and what they have shown")
    func healthIsShown() throws {
        var task = task
        task.spec.health = HealthSpec(check: .http(HTTPCheck(port: 80)))
        func shown() throws -> JSONValue? { try json(task)["health"] }
        let spec =
            #"{"http":{"port":80,"path":"/","host":"localhost"},"interval":10,"timeout":1,"#
            + #""retries":3,"startPeriod":0,"onFailure":"none","#
        func expected(_ rest: String) throws -> JSONValue { try json(spec + rest) }
        let starting = #""state":"starting","failures":0,"lastCheckedAt":null,"output":null}"#
        #expect(try shown() == expected(starting))
        // A new daemon has only the record of the last change.
        task.sawHealth(HealthChange(number: 2, attempt: 1, isHealthy: false))
        #expect(
            try shown()
                == expected(
                    #""state":"unhealthy","failures":0,"lastCheckedAt":null,"output":null}"#))
        task.attempt = 2
        #expect(try shown() == expected(starting))
        task.shownHealth = TaskHealth(
            state: .healthy, failures: 2, checkedAt: noon, output: "exit code 1")
        #expect(
            try shown()
                == expected(
                    #""state":"healthy","failures":2,"lastCheckedAt":"\#(noonText)","#
                        + #""output":"exit code 1"}"#))
    }

    @Test(arguments: [
        (TaskExit.Status.code(3), #"[3,null,true,"\#(noonText)",false,false]"#),
        (.signal(9), #"[null,"KILL",true,"\#(noonText)",false,false]"#),
        (.unknown, #"[null,null,true,"\#(noonText)",true,false]"#),
        (.neverRan(signal: nil), #"[null,null,true,"\#(noonText)",false,true]"#),
        (.neverRan(signal: 9), #"[null,"KILL",true,"\#(noonText)",false,true]"#),
    ])
    func anExitIsShown(status: TaskExit.Status, expected: String) throws {
        var task = task
        let exit = TaskExit(status: status, oomKilled: true, finishedAt: noon.milliseconds)
        for state in [TaskState.exited(exit), .deleting(exit)] {
            task.state = state
            let document = try json(task)
            let shown = [
                "exitCode", "signal", "oomKilled", "finishedAt", "exitUnknown", "neverRan",
            ]
            #expect(try JSONValue.array(shown.compactMap { document[$0] }) == json(expected))
            #expect(document["pid"] == .null)
        }
    }

    @Test func aPodIsItsDocument() throws {
        let shim = ShimStatus(process: ProcessIdentity(pid: 1, startTicks: .max), since: noon)
        let pod = Pod(
            uid: uid, name: web, spec: PodSpec(labels: ["b": "2", "a": "\""], hostname: "h"),
            state: .ready, revision: 9, createdAt: noon, shim: shim, tasks: [task], operation: uid)
        let text = String(decoding: pod.document().bytes, as: UTF8.self)
        let expected =
            #"{"uid":"\#(uid)","name":"web","state":"ready","revision":9,"#
            + #""createdAt":"\#(noonText)","released":false,"expiresAt":null,"#
            + #""labels":{"a":"\"","b":"2"},"annotations":{},"hostname":"h","#
            + #""runtime":null,"network":{"mode":"none"},"#
            + #""dns":{"servers":[],"searches":[],"options":[]},"#
            + #""hosts":[],"shmSize":67108864,"sysctls":{},"hostPID":false,"hostIPC":false,"#
            + #""sharePID":false,"cgroupParent":null,"resources":{},"ttlAfterExit":null,"#
            + #""volumes":{},"interfaces":[],"networkFault":null,"#
            + #""shim":{"pid":1,"startTicks":18446744073709551615,"since":"\#(noonText)"},"#
            + #""operation":"\#(uid)","stalled":null,"tasks":{"app":"#
            + String(decoding: task.document().bytes, as: UTF8.self) + "}}"
        #expect(text == expected)
    }

    @Test func anOperationIsItsDocument() throws {
        var step = OperationStep(name: .removal(.rootfsUnmount), object: app, state: .running)
        step.attempts = 3
        step.detail = "busy"
        var operation = PodOperation(
            id: uid, kind: .podDelete, target: .pod(webPod), revision: 8,
            steps: [OperationStep(name: .removal(.tasksStop), state: .skipped), step],
            requester: Requester(pid: 1, uid: 2, gid: 3, command: "curl"), createdAt: noon,
            fingerprint: 1)
        operation.stalled = PodOperation.Stall(since: noon, step: .removal(.verify), why: "w")
        operation.error = Failure(.shimFailed, "d", step: .create(.shimStart))
        operation.exits = [
            app: TaskExit(status: .code(0), oomKilled: false, finishedAt: noon.milliseconds)
        ]
        let expected = try json(
            #"""
            {"id":"\#(uid)","kind":"pod.delete","state":"pending","target":{"kind":"pod",
            "name":"web","uid":"\#(uid)","href":"/v1/pods/web"},"revision":8,
            "progress":{"done":1,"total":2},"steps":[
            {"name":"tasks.stop","state":"skipped","attempts":0,"startedAt":null,
            "finishedAt":null,"retryAt":null,"detail":null},
            {"name":"rootfs.unmount","object":"app","state":"running","attempts":3,
            "startedAt":null,"finishedAt":null,"retryAt":null,"detail":"busy"}],
            "stalled":{"since":"\#(noonText)","step":"verify","why":"w"},
            "requester":{"uid":2,"gid":3,"pid":1,"comm":"curl"},"joined":0,"resumed":0,
            "supersededBy":null,"error":{"type":"/problems/shim-failed",
            "title":"The shim of the pod failed","status":500,"code":"shim-failed","detail":"d",
            "step":"shim.start"},"abandoned":null,"createdAt":"\#(noonText)",
            "finishedAt":null,"expiresAt":null,"exits":{"app":{"exitCode":0,"signal":null,
            "oomKilled":false,"finishedAt":"\#(noonText)","exitUnknown":false,"neverRan":false}}}
            """#)
        #expect(try json(operation) == expected)
    }

    @Test func aTasksOperationNamesThePodAsWell() throws {
        let document = try json(operation(.taskStop, .task(webApp)))
        let expected = try json(
            #"""
            {"kind":"task","name":"app","uid":"\#(appUID)","href":"/v1/pods/web/tasks/app",
            "pod":"web","podUID":"\#(uid)"}
            """#)
        #expect(document["target"] == expected)
        #expect(document["exits"] == nil)
        #expect(document["error"] == .null && document["stalled"] == .null)
    }

    private func operation(_ kind: OperationKind, _ target: Target) -> PodOperation {
        PodOperation(
            id: uid, kind: kind, target: target,
            requester: Requester(pid: 1, uid: 0, gid: 0, command: nil), createdAt: noon,
            fingerprint: 0)
    }

    @Test func anOrphansOperationLeadsToTheAudit() throws {
        let target = #"{"kind":"orphan","name":"\#(uid)","uid":"\#(uid)","href":"/v1/audit"}"#
        #expect(try json(operation(.orphanRemove, .orphan(uid)))["target"] == json(target))
    }

    /// The name of an orphan is its uid, but such a name makes no orphan of a pod.
    @Test func aPodMayHaveTheNameOfItsUID() throws {
        let pod = PodReference(name: label("\(uid)"), uid: uid)
        let target = #"{"kind":"pod","name":"\#(uid)","uid":"\#(uid)","href":"/v1/pods/\#(uid)"}"#
        #expect(try json(operation(.podDelete, .pod(pod)))["target"] == json(target))
    }

    /// The pod of an orphan is the uid that its objects have.
    @Test(
        arguments: [
            (
                Target.pod(webPod), .state("ready"), #""kind":"pod","pod":"web""#,
                #""state":"ready""#
            ),
            (.pod(webPod), .gone, #""kind":"pod.gone","pod":"web""#, #""state":"gone""#),
            (
                .task(webApp), .state("exited"), #""kind":"task","pod":"web""#,
                #""task":"app","state":"exited""#
            ),
            (
                .task(webApp), .started(attempt: 2), #""kind":"task","pod":"web""#,
                #""task":"app","state":"running","attempt":2"#
            ),
            (
                .task(webApp),
                .exited(
                    AttemptExit(
                        attempt: 3,
                        TaskExit(
                            status: .signal(9), oomKilled: true, finishedAt: noon.milliseconds))),
                #""kind":"task","pod":"web""#,
                #""task":"app","state":"exited","attempt":3,"exitCode":null,"signal":"KILL","#
                    + #""oomKilled":true,"finishedAt":"\#(noonText)","exitUnknown":false,"#
                    + #""neverRan":false"#
            ),
            (
                .task(webApp),
                .health(HealthChange(number: 7, attempt: 2, isHealthy: false), .stop),
                #""kind":"task.unhealthy","pod":"web""#,
                #""task":"app","state":"unhealthy","attempt":2,"onFailure":"stop""#
            ),
            (
                .task(webApp),
                .health(HealthChange(number: 8, attempt: 2, isHealthy: true), .stop),
                #""kind":"task.healthy","pod":"web""#,
                #""task":"app","state":"healthy","attempt":2"#
            ),
            (
                .task(webApp), .gone, #""kind":"task.gone","pod":"web""#,
                #""task":"app","state":"gone""#
            ),
            (
                .pod(webPod), .operation(appUID, .running), #""kind":"operation","pod":"web""#,
                #""operation":"\#(appUID)","state":"running""#
            ),
            (
                .task(webApp), .operation(appUID, .failed), #""kind":"operation","pod":"web""#,
                #""task":"app","operation":"\#(appUID)","state":"failed""#
            ),
            (
                .orphan(uid), .operation(appUID, .succeeded),
                #""kind":"operation","pod":"\#(uid)""#,
                #""operation":"\#(appUID)","state":"succeeded""#
            ),
        ] as [(Target, Event.Change, String, String)])
    func anEventIsItsDocument(
        target: Target, change: Event.Change, kindAndPod: String, rest: String
    ) {
        let event = Event(revision: 4, time: noon, target: target, change: change)
        let text = String(decoding: event.document().bytes, as: UTF8.self)
        #expect(
            text == #"{"revision":4,"time":"\#(noonText)",\#(kindAndPod),"#
                + #""podUID":"\#(uid)",\#(rest)}"#)
    }

    @Test func eventsListsAndBookmarksAreTheirDocuments() throws {
        let event = Event(revision: 4, time: noon, target: .task(webApp), change: .gone)
        var list = ListWriter(limit: 1)
        let wasFull = list.isFull
        list.add(event)
        let isFull = list.isFull
        #expect(!wasFull && isFull)
        let expected = try json(
            #"""
            {"items":[{"revision":4,"time":"\#(noonText)","kind":"task.gone","pod":"web",
            "podUID":"\#(uid)","task":"app","state":"gone"}],"next":"t","revision":5}
            """#)
        let document = list.finish(next: "t", revision: 5)
        #expect(try JSONValue.parse(document.bytes) == expected)
        let bookmark = try json(#"{"revision":6,"time":"\#(noonText)","kind":"bookmark"}"#)
        #expect(try json(Bookmark(revision: 6, time: noon)) == bookmark)
    }

    @Test func theAuditBalancesWithoutOrphans() throws {
        func audit(_ orphans: [String]) -> Audit {
            let line = AuditLine(kind: .cgroups, recorded: 1, observed: 2, unrecorded: orphans)
            return Audit(fresh: true, takenAt: noon, revision: 3, resources: [line])
        }
        let expected = try json(
            #"""
            {"balanced":false,"fresh":true,"takenAt":"\#(noonText)","revision":3,"resources":[
            {"kind":"cgroups","recorded":1,"observed":2,"unrecorded":["x"],"missing":[]}],
            "namespaces":[],"mounts":[],"operations":[]}
            """#)
        #expect(try json(audit(["x"])) == expected)
        #expect(audit([]).balanced)
    }

    @Test func aHeldNamespaceIsALeakIfItsPodIsKnown() throws {
        let holder = NamespaceHolder(
            pid: 7, command: "nc", descriptor: 5, pod: uid, task: label("app"))
        let identity = NamespaceIdentity(kind: .net, inode: 4_026_532_180, made: 1)
        var held = HeldNamespace(identity: identity, isInhabited: false, holders: [holder])
        let start = #"{"type":"net","inode":4026532180,"pod":"#
        let end = #"""
            ,"inhabited":false,"holders":[
            {"pid":7,"command":"nc","pod":"\#(uid)","task":"app","descriptor":5}]}
            """#
        #expect(try json(held) == json(start + "null" + end))
        #expect(AuditLine([held]).balanced)
        held.owner = NamespaceOwner(identity: identity, uid: uid, name: label("web"))
        let owner = #"{"name":"web","uid":"\#(uid)"}"#
        #expect(try json(held) == json(start + owner + end))
        let line = AuditLine([held])
        #expect(line.observed == 1 && !line.balanced)
        #expect(
            line.unrecorded == [
                "net:[4026532180] of web (\(uid)), held by "
                    + "pid 7 (nc) of pod \(uid), task app by its descriptor 5"
            ])
    }
}
