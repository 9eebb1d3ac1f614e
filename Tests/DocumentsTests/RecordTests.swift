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

    @Test(
        "kinds have their new names in records of version 0.1",
        arguments: [
            ("pod.clear", OperationKind.podCleanup), ("stray.remove", OperationKind.orphanRemove),
        ])
    func formerName(_ name: String, _ kind: OperationKind) throws {
        var random = Dice(seed: 5)
        let record = String(decoding: random.operation().record(), as: UTF8.self)
        let kindInRecord = /"kind":"[a-z.]*"/
        let former = record.replacing(
            kindInRecord, with: "\"kind\":\"\(name)\"", maxReplacements: 1)
        #expect(try PodOperation(record: Array(former.utf8)).kind == kind)
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
            "signal", "oomKilled", "finishedAt", "exitUnknown", "neverRan", "operation",
        ]
        let sent = JSONValue.object(shown.filter { !state.contains($0.name) })
        #expect(try TaskSpec.decode(sent, name: spec.name) == spec)
    }
}
