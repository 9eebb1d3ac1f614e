import Documents
import JSON
import Model
import Testing

@Suite struct RecordTests {
    @Test(arguments: 0..<200)
    func aPodReadsBackAsItself(seed: UInt64) throws {
        var random = Dice(seed: seed)
        let pod = random.pod()
        #expect(try Pod(record: pod.record()) == pod)
    }

    @Test("the note about a pod's attachments is read as it was written", arguments: 0..<100)
    func noteRoundTrip(seed: UInt64) throws {
        var random = Dice(seed: seed)
        let attachments = [random.attachment(), random.attachment()]
        #expect(try PodAttachment.read(note: PodAttachment.note(attachments)) == attachments)
    }

    @Test("a network's record is read as it was written", arguments: 0..<100)
    func networkRoundTrip(seed: UInt64) throws {
        var random = Dice(seed: seed)
        let network = random.record()
        #expect(try Network(record: network.record()) == network)
    }

    @Test(arguments: 0..<200)
    func anOperationReadsBackAsItself(seed: UInt64) throws {
        var random = Dice(seed: seed)
        let operation = random.operation()
        #expect(try PodOperation(record: operation.record()) == operation)
        var bare = operation
        bare.steps = []
        #expect(try PodOperation(record: operation.tombstone()) == bare)
        #expect(operation.tombstone().count <= operation.record().count)
    }

    /// Random values alone would not prove that each state occurred.
    @Test func everyStateReadsBackAsItself() throws {
        var random = Dice(seed: 1)
        for state in PodState.allCases {
            var pod = random.pod()
            pod.state = state
            #expect(try Pod(record: pod.record()).state == state)
        }
        for state in Dice.taskStates {
            var pod = random.pod()
            let spec = TaskSpec(name: app, rootfs: "/", args: ["a"])
            pod.tasks = [
                PodTask(uid: uid, spec: spec, state: state, revision: .max, createdAt: noon)
            ]
            #expect(try Pod(record: pod.record()).tasks.first?.state == state)
        }
        for state in OperationState.allCases {
            var operation = random.operation()
            operation.state = state
            #expect(try PodOperation(record: operation.record()).state == state)
        }
    }

    @Test(arguments: OperationKind.allCases)
    func everyKindReadsBackWithItsTarget(kind: OperationKind) throws {
        var random = Dice(seed: 7)
        let target = random.target(kind.target)
        #expect(try Self.operation(kind.rawValue, Self.record(of: target)).target == target)
    }

    /// An operation whose record was written with this kind and this target.
    private static func operation(_ kind: String, _ target: String) throws -> PodOperation {
        let text =
            #"{"v":1,"id":"\#(uid)","kind":"\#(kind)","state":"running","rev":1,"order":1,"#
            + #""print":1,"created":0,"target":\#(target),"by":{"pid":1,"uid":0,"gid":0},"#
            + #""steps":[]}"#
        return try PodOperation(record: Array(text.utf8))
    }

    /// The members of a target, as every version has written them.
    private static func record(of target: Target) -> String {
        switch target {
        case .pod(let pod): #"{"pod":"\#(pod.name)","uid":"\#(pod.uid)"}"#
        case .task(let task):
            #"{"pod":"\#(task.pod.name)","uid":"\#(task.pod.uid)","task":"\#(task.name)","#
                + #""taskUID":"\#(task.uid)"}"#
        case .network(let network): #"{"network":"\#(network.name)","uid":"\#(network.uid)"}"#
        case .orphan(let uid): #"{"uid":"\#(uid)"}"#
        }
    }

    @Test(
        "records of version 0.1 have other names of kinds, and the members of a pod for orphans",
        arguments: [
            ("pod.clear", OperationKind.podCleanup, Target.pod(webPod)),
            ("stray.remove", .orphanRemove, .orphan(uid)),
            ("orphan.remove", .orphanRemove, .orphan(uid)),
        ])
    func formerName(_ name: String, _ kind: OperationKind, _ target: Target) throws {
        let isOrphan = target.kind == .orphan
        let pod = PodReference(name: isOrphan ? label("\(uid)") : web, uid: uid)
        let operation = try Self.operation(name, Self.record(of: .pod(pod)))
        #expect(operation.kind == kind && operation.target == target)
    }

    @Test(arguments: [
        ("pod.delete", Target.task(webApp), "task"), ("task.delete", .pod(webPod), "task"),
        ("orphan.remove", .task(webApp), "task"), ("pod.delete", .orphan(uid), "pod"),
    ])
    func aTargetOfAnotherKindIsAFault(kind: String, target: Target, member: String) {
        let place = JSONPointer.root.appending("target").appending(member)
        do {
            _ = try Self.operation(kind, Self.record(of: target))
            Issue.record("read")
        } catch RecordFault.malformed(let pointer, _) {
            #expect(pointer == place)
        } catch { Issue.record("\(error)") }
    }

    @Test(arguments: [#"{"v":2}"#, "{}", "[]", #"{"v":"1"}"#])
    func anotherVersionIsAFault(text: String) {
        let version: Int64? = text == #"{"v":2}"# ? 2 : nil
        #expect(throws: RecordFault.unknownVersion(version)) { try Pod(record: Array(text.utf8)) }
        #expect(throws: RecordFault.unknownVersion(version)) {
            try PodOperation(record: Array(text.utf8))
        }
    }

    @Test func aRecordCutShortIsAFaultAtEveryByte() {
        var random = Dice(seed: 3)
        let record = random.pod().record()
        for length in 0..<record.count {
            #expect(throws: RecordFault.self) { try Pod(record: Array(record[..<length])) }
        }
    }

    @Test func aFaultSaysWhere() {
        #expect(throws: RecordFault.malformed(.root.appending("id"), "is missing")) {
            try PodOperation(record: Array(#"{"v":1,"spec":{}}"#.utf8))
        }
        let text = #"{"v":1,"id":"x"}"#
        #expect(
            throws: RecordFault.malformed(.root.appending("id"), "is not known to this version")
        ) {
            try PodOperation(record: Array(text.utf8))
        }
    }

    @Test("a record of an older version lacks newer members, and they have their defaults")
    func olderRecord() throws {
        var random = Dice(seed: 4)
        var pod = random.pod()
        let task = TaskSpec(
            name: app, rootfs: "/r", args: ["a"],
            mounts: [MountSpec(kind: .bind(source: "/s"), target: "/t")])
        pod.spec.tasks = [task]
        let record = String(decoding: pod.record(), as: UTF8.self)
        let older = record.replacing(#","compat32":true"#, with: "")
            .replacing(#","recursiveReadOnly":false"#, with: "")
        #expect(older.utf8.count < record.utf8.count - 40)
        #expect(try Pod(record: Array(older.utf8)).spec.tasks == [task])
        let broken = record.replacing(#""path":"/r","#, with: "")
        let place = JSONPointer.root.appending("spec").appending("tasks").appending(0)
            .appending("rootfs").appending("path")
        #expect(throws: RecordFault.malformed(place, "is missing")) {
            try Pod(record: Array(broken.utf8))
        }
    }

    /// Whatever a client may send becomes a record that can be read.
    @Test(arguments: 0..<100)
    func aSpecThatWasSentComesBackFromItsDocument(seed: UInt64) throws {
        var random = Dice(seed: seed)
        let spec = random.sendableTask()
        let task = PodTask(uid: uid, spec: spec, state: .creating, revision: 1, createdAt: noon)
        let shown = try #require(try json(task).members)
        let state: Set = [
            "uid", "name", "state", "revision", "createdAt", "startedAt", "pid", "exitCode",
            "signal", "oomKilled", "finishedAt", "exitUnknown", "neverRan", "operation", "attempt",
            "restarts", "nextStartAt", "startWaitsFor", "lastExit", "exits",
        ]
        let sent = JSONValue.object(
            shown.filter { !state.contains($0.name) }.map { member in
                guard ["log", "health"].contains(member.name), let all = member.value.members else {
                    return member
                }
                let seen = [
                    "bytes", "lines", "dropped", "state", "failures", "lastCheckedAt", "output",
                ]
                let spec = all.filter { !seen.contains($0.name) }
                return JSONMember(name: member.name, value: .object(spec))
            })
        #expect(try TaskSpec.decode(sent, name: spec.name) == spec)
    }
}
