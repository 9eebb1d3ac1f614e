// The order in which tasks start, and when another task may start after a task.

import Kernel
import Model
import Testing

@Suite struct StartOrderTests {
    private func label(_ text: String) throws -> Label { try #require(Label(text)) }

    /// Makes tasks of `name`, `name<other,other`, with a `*` before the name of an init task.
    private func tasks(_ text: String) throws -> [TaskSpec] {
        try text.split(separator: " ").map { word in
            let parts = word.split(separator: "<")
            let isInit = parts[0].utf8.first == UInt8(ascii: "*")
            var task = TaskSpec(
                name: try label(String(parts[0].drop { $0 == "*" })), rootfs: "/r", args: ["x"])
            task.isInit = isInit
            if parts.count > 1 {
                task.after = try parts[1].split(separator: ",").map { try label(String($0)) }
            }
            return task
        }
    }

    @Test(
        "init tasks come first, and each task comes after the tasks that it names",
        arguments: [
            ("", ""), ("b a", "a b"), ("a *b", "b a"), ("a<b b", "b a"), ("*a<b *b c", "b a c"),
            ("a<c b c", "b c a"), ("d<a a<b b<c c", "c b a d"), ("*z *y a<z b", "y z a b"),
            // A record may contain an order that a request may not, and loses no task.
            ("a<b b<a c", "c a b"), ("a<x", "a"), ("*a<b b", "b a"),
        ])
    func orders(text: String, expected: String) throws {
        let order = try tasks(text).startOrder.map(\.name.text).joined(separator: " ")
        #expect(order == expected)
    }

    @Test(
        "the tasks of a cycle are found, and no others",
        arguments: [
            ("a b<a", ""), ("a<a", "a"), ("a<b b<a c<a", "a b"), ("a<b b<c c<d d<b", "b c d"),
            ("a<x", ""),
        ])
    func cycles(text: String, expected: String) throws {
        let found = try tasks(text).namesInCycles.map(\.text).sorted()
        #expect(found.joined(separator: " ") == expected)
    }

    private static let statuses: [TaskExit.Status] = [
        .code(0), .code(1), .signal(9), .neverRan(signal: 9), .unknown,
    ]

    private func task(_ state: TaskState, isInit: Bool) throws -> PodTask {
        var spec = TaskSpec(name: try label("a"), rootfs: "/r", args: ["x"])
        spec.isInit = isInit
        return PodTask(
            uid: UID(high: 1, low: 2), spec: spec, state: state, revision: 1,
            createdAt: Timestamp(milliseconds: 0))
    }

    @Test("after a task that runs, or has run, another may start", arguments: [false, true])
    func progress(isInit: Bool) throws {
        let process = ProcessIdentity(pid: 5, startTicks: 6)
        #expect(try task(.creating, isInit: isInit).startProgress == .ahead)
        #expect(try task(.created(process), isInit: isInit).startProgress == .ahead)
        for state in [TaskState.running(process), .paused(process)] {
            #expect(try task(state, isInit: isInit).startProgress == (isInit ? .ahead : .reached))
        }
        #expect(try task(.deleting(nil), isInit: isInit).startProgress == .missed(nil))
    }

    @Test("an exit of 0 ends an init task, and any run is enough of another", arguments: statuses)
    func exits(status: TaskExit.Status) throws {
        let exit = TaskExit(status: status, oomKilled: false, finishedAt: 1)
        for isInit in [false, true] {
            var ended = try task(.creating, isInit: isInit)
            _ = ended.sawExit(exit, of: 1)
            let isReached = isInit ? status == .code(0) : !exit.neverRan
            #expect(ended.startProgress == (isReached ? .reached : .missed(exit)))
            ended.sawNextStart(NextStart(at: Timestamp(milliseconds: 2)))
            #expect(ended.startProgress == (isReached ? .reached : .ahead))
        }
    }
}
