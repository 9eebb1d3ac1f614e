// Signals, users, and the one exit of a task.

import Kernel
import Model
import Testing

@Suite struct Signals {
    @Test("every signal is read by its number, its name, and its name with SIG", arguments: 1...64)
    func roundTrip(number: Int) throws {
        let signal = try #require(Signal(number: number))
        #expect(signal.number == Int32(number))
        #expect(Signal("\(number)") == signal)
        #expect(Signal(signal.description) == signal)
        if Int(signal.description) == nil { #expect(Signal("SIG\(signal)") == signal) }
    }

    @Test(
        "names are those of signal(7)",
        arguments: [
            ("HUP", 1), ("INT", 2), ("KILL", 9), ("USR1", 10), ("SEGV", 11), ("USR2", 12),
            ("TERM", 15), ("CHLD", 17), ("CONT", 18), ("STOP", 19), ("WINCH", 28), ("PWR", 30),
            ("SYS", 31), ("RTMIN", 34), ("RTMIN+3", 37), ("RTMIN+30", 64),
        ] as [(String, Int32)])
    func names(name: String, number: Int32) {
        #expect(Signal(name)?.number == number)
        #expect(Signal(name)?.description == name)
    }

    @Test(
        "a text that names no signal is refused",
        arguments: [
            "", "SIG", "0", "65", "-1", "TERMX", "SIGSIGTERM", "term", "RTMIN+31", "RTMIN-1",
            "RTMIN+", "RTMIN+x", "RTMIN++1", "RTMIN+-1", "+9", "9 ", "99999999999999999999",
            "\u{212a}ILL", "SIG\u{212a}ILL",
        ])
    func refused(text: String) {
        #expect(Signal(text) == nil)
    }

    @Test("a number that is no signal's is refused", arguments: [Int.min, -1, 0, 65, .max])
    func numbers(number: Int) {
        #expect(Signal(number: number) == nil)
    }
}

@Suite struct Users {
    @Test(
        "a user and a group, by name or by number",
        arguments: [
            ("0", "0", nil), ("0:0", "0", "0"), ("www-data", "www-data", nil),
            ("1000:daemon", "1000", "daemon"), ("4294967294", "4294967294", nil),
            ("a.b_c$", "a.b_c$", nil), ("jörg", "jörg", nil),
        ] as [(String, String, String?)])
    func good(text: String, user: String, group: String?) {
        #expect(UserSpec(text)?.user == user)
        #expect(UserSpec(text)?.group == group)
        #expect(UserSpec(text)?.description == text)
    }

    @Test(
        "a text that cannot be an id or a name in passwd is refused",
        arguments: [
            "", ":", "a:", ":a", "a:b:c", "4294967295", "4294967296", "99999999999999999999",
            "0:4294967295", "a b", "a\n", "a\0", "-1", "-root", "a\u{7f}",
            String(repeating: "x", count: 257),
        ])
    func bad(text: String) {
        #expect(UserSpec(text) == nil)
    }
}

@Suite struct Exits {
    private static let process = ProcessIdentity(pid: 7, startTicks: 8)
    private static let first = exit(.code(0), at: 1)
    private static let second = exit(.signal(9), at: 2)

    private static func exit(_ status: TaskExit.Status, at time: Int64) -> TaskExit {
        TaskExit(
            status: status, oomKilled: false, finishedAt: time)
    }

    private func task(_ state: TaskState) throws -> PodTask {
        PodTask(
            uid: UID(high: 1, low: 2),
            spec: TaskSpec(name: try #require(Label("app")), rootfs: "/", args: ["a"]),
            state: state, revision: 1, createdAt: Timestamp(milliseconds: 0))
    }

    /// `#expect` takes no mutating call.
    private func saw(_ exit: TaskExit, _ attempt: UInt32 = 1, in task: inout PodTask) -> Bool {
        task.sawExit(exit, of: attempt)
    }

    @Test(
        "the first observed exit is the attempt's, and a second changes nothing",
        arguments: [.creating, .created(process), .running(process)] as [TaskState])
    func firstStands(state: TaskState) throws {
        var task = try task(state)
        #expect(task.state.exit == nil)
        #expect(saw(Exits.first, in: &task))
        #expect(task.state == .exited(Exits.first))
        #expect(task.state.process == nil)
        #expect(!saw(Exits.second, in: &task))
        #expect(task.state == .exited(Exits.first))
        #expect(task.exits == [AttemptExit(attempt: 1, Exits.first)])
    }

    @Test("a task that is being deleted stays so, and stores each attempt's exit once")
    func whileDeleting() throws {
        var task = try task(.deleting(nil))
        #expect(saw(Exits.first, in: &task))
        #expect(task.state == .deleting(Exits.first))
        #expect(!saw(Exits.second, in: &task))
        #expect(task.state.exit == Exits.first)
        task.sawAttempt(2, Exits.process, startedAt: nil)
        #expect(task.state == .deleting(Exits.first) && task.attempt == 2)
        #expect(saw(Exits.second, 2, in: &task))
        #expect(task.state == .deleting(Exits.second))
    }

    @Test("an unknown exit is final like any other exit")
    func unknownStands() throws {
        let unknown = Exits.exit(.unknown, at: 3)
        var task = try task(.running(Exits.process))
        #expect(saw(unknown, in: &task))
        #expect(!saw(Exits.first, in: &task))
        #expect(task.state.exit == unknown)
    }

    @Test("each change of the health is seen once, and none after a later one")
    func health() throws {
        var task = try task(.running(Exits.process))
        #expect(task.health == nil && !task.isRestarted)
        task.spec.health = HealthSpec(check: .tcp(port: 1))
        #expect(task.health == TaskHealth(state: .starting) && !task.isRestarted)
        let second = HealthChange(number: 2, attempt: 1, isHealthy: true)
        task.sawHealth(second)
        task.sawHealth(HealthChange(number: 1, attempt: 1, isHealthy: false))
        task.sawHealth(HealthChange(number: 2, attempt: 1, isHealthy: false))
        #expect(task.healthChange == second && task.health == TaskHealth(state: .healthy))
        task.spec.health?.onFailure = .restart
        #expect(task.isRestarted)
    }

    @Test("each attempt runs and ends once, and the last exits are kept")
    func attempts() throws {
        var task = try task(.running(Exits.process))
        for attempt in 1...40 as ClosedRange<UInt32> {
            let exit = Exits.exit(.code(Int32(attempt)), at: Int64(attempt))
            #expect(saw(exit, attempt, in: &task))
            #expect(!saw(Exits.second, attempt, in: &task))
            let next = NextStart(at: Timestamp(milliseconds: 7))
            task.sawNextStart(next)
            #expect(task.nextStart == next && task.restarts == attempt - 1)
            let process = ProcessIdentity(pid: Int32(attempt), startTicks: 1)
            task.sawAttempt(attempt, process, startedAt: nil)
            #expect(task.state == .exited(exit), "an attempt that has ended does not run")
            task.sawAttempt(attempt + 1, process, startedAt: Timestamp(milliseconds: 8))
            #expect(task.state == .running(process) && task.nextStart == nil)
            task.sawNextStart(next)
            #expect(task.nextStart == nil, "a task that runs has no next start")
        }
        #expect(task.exits.map(\.attempt) == Array(25...40))
        #expect(task.attempt == 41)
    }

    @Test("the exit of an attempt whose start was not seen makes it the present one")
    func unseenStart() throws {
        var task = try task(.running(Exits.process))
        #expect(saw(Exits.first, 1, in: &task) && saw(Exits.second, 2, in: &task))
        #expect(task.attempt == 2 && task.state == .exited(Exits.second))
        #expect(!saw(Exits.first, 1, in: &task), "an earlier exit comes too late")
    }

    @Test("tasks stay in the order of their names, and setting a task to nil removes it")
    func tasksByName() throws {
        var pod = Pod(
            uid: UID(high: 1, low: 1), name: try #require(Label("pod")),
            spec: PodSpec(hostname: "pod"), state: .ready, revision: 1,
            createdAt: Timestamp(milliseconds: 0))
        for name in ["b", "c", "a", "b"] { pod[task: try task(name).spec.name] = try task(name) }
        #expect(pod.tasks.map(\.spec.name.text) == ["a", "b", "c"])
        pod[task: try #require(Label("b"))] = nil
        pod[task: try #require(Label("z"))] = nil
        #expect(pod.tasks.map(\.spec.name.text) == ["a", "c"])
        #expect(pod.entityTag == "\"00000000-0000-0001-0000-000000000001.1\"")
    }

    private func task(_ name: String) throws -> PodTask {
        PodTask(
            uid: UID(high: 2, low: 2),
            spec: TaskSpec(name: try #require(Label(name)), rootfs: "/", args: ["true"]),
            state: .creating, revision: 1, createdAt: Timestamp(milliseconds: 0))
    }
}
