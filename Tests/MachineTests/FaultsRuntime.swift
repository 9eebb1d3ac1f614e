// A runtime that hangs, fails, dies, prints nonsense or reports untruths.

import Foundation
import Glibc
import JSON
import Testing

extension Machine {
    @Suite(.needsDaemon) struct RuntimeFaults {
        @Test("nothing is left after any fault of the runtime", arguments: Misconduct.all)
        func misconduct(_ misconduct: Misconduct) throws {
            try withRuntime("runtime: \(misconduct.name)", misconduct) { daemon, client in
                let body = daemon.rootfs.sleeper
                let create = try client.send("PUT", "/v1/pods/web", body)
                let made = try client.follow(create.id)
                #expect(made.state == misconduct.create, "\(made.reply.text)")
                if misconduct.create == "failed" {
                    // A failed create has removed everything, and the name is free.
                    #expect(made["error", "code"]?.string == "runtime-refused")
                    #expect(try client.send("GET", "/v1/pods/web").code == "pod-unknown")
                } else {
                    let ended = try client.deletePod("web")
                    #expect(ended.state == "succeeded", "\(ended.reply.text)")
                }
                daemon.behave()
                #expect(try client.createPod("web", body).status == 201)
            }
        }

        @Test(
            "a foreign process's pid from the runtime is refused, and that process lives on",
            arguments: Misconduct.stranger)
        func stranger(_ misconduct: Misconduct) throws {
            let stranger = try Command.start("sleep", "1005")
            defer {
                kill(stranger.processIdentifier, SIGKILL)
                stranger.waitUntilExit()
            }
            try withRuntime("runtime: \(misconduct.name)", .none) { daemon, client in
                daemon.misbehave(misconduct.about(stranger.processIdentifier))
                let create = try client.send("PUT", "/v1/pods/web", daemon.rootfs.sleeper)
                let made = try client.follow(create.id)
                #expect(made.state == "failed", "\(made.reply.text)")
                #expect(made.reply.text.contains("first process"), "\(made.reply.text)")
                if made.state != "failed" { try client.deletePod("web") }
                #expect(processState(stranger.processIdentifier) == "S")
            }
        }

        @Test(
            "a runtime's messages are bounded, so the run directory stays small",
            arguments: Flood.all)
        func floods(_ flood: Flood) throws {
            try withRuntime("runtime: floods \(flood)", flood.misconduct) { daemon, client in
                let create = try client.send(
                    "PUT", "/v1/pods/web", daemon.rootfs.pod("exec sleep 1000", "\"start\": false"))
                let made = try client.follow(create.id)
                if flood.verb == "start" {
                    #expect(made.state == "succeeded", "\(made.reply.text)")
                    let start = try client.send("POST", "/v1/pods/web/tasks/app/start")
                    let ended = try client.follow(start.id)
                    #expect(ended["error", "code"]?.string == "runtime-refused")
                    flood.expectTold(ended)
                } else {
                    #expect(made.state == "failed", "\(made.reply.text)")
                    flood.expectTold(made)
                }
                for directory in [daemon.runDirectory, daemon.logDirectory]
                where exists(directory) {
                    let used = try Command.run("du", "-s", directory).output
                    #expect(Int(used.split(separator: "\t")[0]) ?? .max < 32768, "\(used)")
                }
            }
        }

        @Test("a runtime's output is not in its task's log", arguments: [true, false])
        func printed(startsAtOnce: Bool) throws {
            try withRuntime("runtime: prints", .prints) { daemon, client in
                let pod = try client.createPod(
                    "web",
                    daemon.rootfs.pod(
                        "echo the task says; exec sleep 1000", "\"start\": \(startsAtOnce)"))
                #expect(pod.status == 201, "\(pod.reply.text)")
                if !startsAtOnce {
                    let start = try client.send("POST", "/v1/pods/web/tasks/app/start")
                    #expect(try client.follow(start.id).state == "succeeded")
                }
                let log = "\(daemon.logDirectory)/\(pod.uid)/app.log"
                try eventually("the task's own words are logged") {
                    text(of: log)?.contains("the task says") ?? false
                }
                let lines = (text(of: log) ?? "").split(separator: "\n")
                #expect(lines.count == 1, "\(lines.prefix(3))")
                #expect(try client.deletePod("web").state == "succeeded")
            }
        }

        @Test("a task that ends before its runtime loses no output")
        func overBeforeItsRuntime() throws {
            try withRuntime("runtime: is late", .late) { daemon, client in
                let pod = try client.createPod("web", daemon.rootfs.pod("seq 1 50000"))
                #expect(pod.status == 201, "\(pod.reply.text)")
                _ = try client.waitForTask("web", "app", "exited")
                let log = "\(daemon.logDirectory)/\(pod.uid)/app.log"
                try eventually("its last line is logged") {
                    text(of: log)?.hasSuffix(" 50000\n") ?? false
                }
                #expect((text(of: log) ?? "").split(separator: "\n").count == 50000)
                #expect(try client.deletePod("web").state == "succeeded")
            }
        }

        @Test("a create with a hung runtime reports that, and a delete cancels it")
        func createHangs() throws {
            try withRuntime("runtime: hangs in create", .hang("run")) { daemon, client in
                let create = try client.send("PUT", "/v1/pods/web", daemon.rootfs.sleeper)
                let hanging = Stuck(create.id, of: "web", why: "runtime create", "pid", "state")
                try daemon.expectNamed(hanging, client)
                daemon.expectAnswers(hanging)
                let ended = try client.deletePod("web")
                #expect(ended.state == "succeeded", "\(ended.reply.text)")
                let given = try client.send("GET", "/v1/operations/\(create.id)")
                #expect(given.state == "canceled")
            }
        }

        @Test("a delete names a hung runtime, waits for it, and continues after it ended")
        func deleteHangs() throws {
            try withRuntime("runtime: hangs in delete", .hang("delete")) { daemon, client in
                _ = try client.createPod("web", daemon.rootfs.sleeper)
                let stuck = try client.delete("web", why: "runtime delete", "pid")
                try daemon.expectServes(stuck, others: false)
                let operation = try client.send("GET", "/v1/operations/\(stuck.operation)")
                kill(try #require(operation.details.compactMap(pidNamed).first), SIGKILL)
                try daemon.expectEnds(stuck)
            }
        }

        @Test(
            "runc and crun are not asked to delete, because their state is removed with the task",
            arguments: ["state.json", "status config.json seccomp.bpf exec.fifo"])
        func notAsked(_ files: String) throws {
            try withRuntime("runtime: not asked to delete", .hang("delete")) { daemon, client in
                let pod = try client.createPod("web", daemon.rootfs.sleeper)
                let root = "\(daemon.runDirectory)/pods/\(pod.uid)/runtime/app"
                let state = "\(root)/\(pod["tasks", "app", "uid"]?.string ?? "")"
                try Command.expect("sh", "-c", "cd '\(state)' && rm * && touch \(files)")
                #expect(try client.deletePod("web").state == "succeeded")
            }
        }

        @Test(
            "the delete ends with any file in place of the runtime's state",
            arguments: [
                "rm -r app && touch app", "rm -r app && ln -s app app",
                "rm -r app/* && mkfifo app/x",
                "rm -r app/* && touch app/lock", "rm -r app && ln -s /etc/passwd app",
            ])
        func oddState(_ script: String) throws {
            try withFault("runtime: odd state") { daemon, client in
                let pod = try client.createPod("web", daemon.rootfs.sleeper)
                let root = "\(daemon.runDirectory)/pods/\(pod.uid)/runtime"
                try Command.expect("sh", "-c", "cd '\(root)' && \(script)")
                let ended = try client.deletePod("web")
                #expect(ended.state == "succeeded", "\(ended.reply.text)")
                #expect(exists("/etc/passwd"))
            }
        }

        @Test("a runtime that hangs in one pod's delete is named, and affects no other pod")
        func oneDeleteHangs() throws {
            try withRuntime("runtime: hangs in one delete", .none) { daemon, client in
                let pod = try client.createPod("web", daemon.rootfs.sleeper)
                daemon.misbehave(.hangs(inDeleteOf: pod.uid))
                let stuck = try client.delete("web", why: "runtime delete", "sleep, pid")
                try daemon.expectServes(stuck)
                let operation = try client.send("GET", "/v1/operations/\(stuck.operation)")
                let pid = try #require(operation.details.compactMap(pidNamed).first)
                #expect(text(of: "/proc/\(pid)/comm") == "sleep\n")
                kill(pid, SIGKILL)
                try daemon.expectEnds(stuck)
            }
        }

        @Test("a start succeeds if the program runs, even if the runtime reports a failure")
        func startDenied() throws {
            try withRuntime("runtime: denies a start", .denies) { daemon, client in
                _ = try client.createPod(
                    "web", daemon.rootfs.pod("exec sleep 1000", "\"start\": false"))
                let start = try client.send("POST", "/v1/pods/web/tasks/app/start")
                let ended = try client.follow(start.id)
                #expect(ended.state == "succeeded", "\(ended.reply.text)")
                #expect(try client.send("GET", "/v1/pods/web/tasks/app").state == "running")
                #expect(try client.deletePod("web").state == "succeeded")
            }
        }

        @Test("a start with a failed runtime leaves the task as it was, and a stop still works")
        func startFails() throws {
            try withRuntime("runtime: fails in start", .fail("start")) { daemon, client in
                let task = daemon.rootfs.task("exec sleep 1000", "\"start\": false")
                _ = try client.createPod("web", "{\"tasks\": {\"app\": \(task)}}")
                let start = try client.send(
                    "POST", "/v1/pods/web/tasks/app/start", headers: ["Prefer": "wait=20"])
                #expect(start.code == "runtime-refused", "\(start.reply.text)")
                let seen = try client.send("GET", "/v1/pods/web/tasks/app")
                #expect(seen.state == "created")
                #expect(try client.deletePod("web").state == "succeeded")
            }
        }

        @Test("a runtime that is killed at any point of a create leaves nothing")
        func createKilled() throws {
            let steps = Installation.isDeep ? 60 : 8
            try withRuntime("runtime: killed in create", .none) { daemon, client in
                for step in 0..<steps {
                    // A create takes some 40 ms here. The kill comes later in each round.
                    let after = Double(step) * (Installation.isDeep ? 0.001 : 0.007)
                    daemon.misbehave(.killed(after))
                    let made = try client.follow(
                        try client.send("PUT", "/v1/pods/web", daemon.rootfs.sleeper).id)
                    #expect(["failed", "succeeded"].contains(made.state), "\(made.reply.text)")
                    if made.state == "succeeded" { try client.deletePod("web") }
                    #expect(try client.send("GET", "/v1/pods/web").code == "pod-unknown")
                }
            }
        }

        @Test("a container without the runtime's state is ended")
        func forgets() throws {
            try withRuntime("runtime: forgets", .none) { daemon, client in
                let pod = try client.createPod("web", daemon.rootfs.sleeper)
                try Command.expect("rm", "-r", daemon.folder(pod) + "/runtime/app")
                let ended = try client.deletePod("web")
                #expect(ended.state == "succeeded", "\(ended.reply.text)")
                #expect(ended["exits", "app", "signal"]?.string == "KILL")
            }
        }
    }
}

/// What a runtime does instead of its work, for one of its verbs.
struct Misconduct: Sendable, CustomTestStringConvertible {
    let name: String
    let verb: String
    /// A shell script. `real` is the runtime itself with its arguments.
    let script: String
    /// How a create ends.
    var create = "succeeded"

    var testDescription: String { name }

    /// The end of a wrapper script around runc. The file beside runc's state makes it an unknown
    /// runtime, and an unknown runtime is asked to delete.
    static let passedOn = """
        case " $* " in *" run "*|*" create "*)
            runc "$@" || exit
            touch "$2/${@: -1}/more"; exit;;
        esac
        exec runc "$@"
        """

    static func hang(_ verb: String) -> Misconduct {
        Misconduct(name: "hangs in \(verb)", verb: verb, script: "exec sleep 100000")
    }

    static func fail(_ verb: String, create: String = "succeeded") -> Misconduct {
        Misconduct(name: "fails in \(verb)", verb: verb, script: "exit 3", create: create)
    }

    static func hangs(inDeleteOf pod: String) -> Misconduct {
        Misconduct(
            name: "hangs in one delete", verb: "delete",
            script: "case \"$*\" in */\(pod)/*) exec sleep 100000;; esac")
    }

    /// More than a pipe holds, on both streams.
    static let prints = Misconduct(
        name: "prints", verb: "--pid-file",
        script: """
            echo the runtime warns; head -c 200000 /dev/zero | tr '\\0' '\\n'
            head -c 200000 /dev/zero | tr '\\0' x >&2; echo the runtime errs >&2
            """)

    /// The task ended long before the runtime does.
    static let late = Misconduct(
        name: "is late", verb: "run",
        script: """
            runc "$@" || exit
            while [ "$1" != --pid-file ]; do shift; done
            while kill -0 "$(cat "$2")" && ! grep -q ^State:.Z "/proc/$(cat "$2")/status"; do
                sleep 0.01
            done 2>&-; exit 0
            """)

    static let denies = Misconduct(
        name: "denies a start", verb: "start",
        script: """
            runc "$@"
            while grep -q '"status": "created"' <<<"$(runc --root "$2" state "${@: -1}")"; do
                sleep 0.01
            done; echo no >&2; exit 1
            """)

    /// The runtime's children live on, as they do when the kernel kills the runtime for lack of
    /// memory.
    static func killed(_ seconds: Double) -> Misconduct {
        Misconduct(
            name: "killed", verb: "run",
            script: "setsid runc \"$@\" & sleep \(seconds); kill -9 $!; exit 1")
    }

    static let none = Misconduct(name: "none", verb: "none", script: "")

    static let all = [
        fail("run", create: "failed"),
        fail("delete"),
        Misconduct(
            name: "garbage", verb: "run",
            script: """
                head -c 300000 /dev/urandom; head -c 300000 /dev/urandom >&2
                while [ "$1" != --log ]; do shift; done; head -c 100000 /dev/urandom >"$2"; exit 1
                """, create: "failed"),
        Misconduct(
            name: "garbage for a pid", verb: "run",
            script: """
                runc "$@" || exit
                while [ "$1" != --pid-file ]; do shift; done; echo garbage >"$2"; exit 0
                """, create: "failed"),
        Misconduct(
            name: "does nothing and says yes", verb: "run", script: "exit 0", create: "failed"),
        Misconduct(name: "delete says yes and does nothing", verb: "delete", script: "exit 0"),
        Misconduct(
            name: "delete leaves cgroups", verb: "delete",
            script: """
                runc "$@"
                parent=$(sed -n 's/^0:://p' /proc/self/cgroup)
                for mount in $(awk '$3 ~ /^cgroup/ { print $2 }' /proc/mounts); do
                  mkdir -p "$mount${parent%/shim}/pod/task-app/left/behind"
                done; exit 0
                """),
    ]
}

extension Misconduct {
    /// The wrong pids in its pid file: a stranger, or the runtime itself, which is a child of the
    /// shim outside of the task's cgroup. Never 0 or -1, because a shim that accepted them would
    /// signal the whole machine.
    static let stranger = [
        Misconduct(name: "a stranger's pid", verb: "run", script: pidFile("STRANGER")),
        Misconduct(name: "its own pid", verb: "run", script: pidFile("$$")),
    ]

    private static func pidFile(_ pid: String) -> String {
        """
        runc "$@" || exit
        while [ "$1" != --pid-file ]; do shift; done; printf %s "\(pid)" >"$2"; exit 0
        """
    }

    func about(_ stranger: Int32) -> Misconduct {
        let script = script.replacingOccurrences(of: "STRANGER", with: "\(stranger)")
        return Misconduct(name: name, verb: verb, script: script)
    }
}

/// A runtime that prints 64 MiB before it fails.
struct Flood: Sendable, CustomTestStringConvertible {
    let verb: String
    let isLog: Bool

    static let all = [
        Flood(verb: "create", isLog: true), Flood(verb: "create", isLog: false),
        Flood(verb: "start", isLog: true), Flood(verb: "start", isLog: false),
    ]

    /// Of 64 MiB and 15 bytes, 16 KiB are kept.
    func expectTold(_ failed: Answer, sourceLocation: SourceLocation = #_sourceLocation) {
        let detail = failed["error", "detail"]?.string ?? failed.reply.text
        #expect(detail.hasPrefix("the last word"), sourceLocation: sourceLocation)
        #expect(detail.contains("67092495 bytes"), "\(detail)", sourceLocation: sourceLocation)
    }

    var testDescription: String { "\(isLog ? "its log" : "standard error") in \(verb)" }

    var misconduct: Misconduct {
        Misconduct(
            name: "floods", verb: verb,
            script: """
                \(isLog ? "while [ \"$1\" != --log ]; do shift; done; exec 2>>\"$2\"" : "")
                head -c 67108864 /dev/zero | tr '\\0' x >&2
                printf '\\nthe last word\\n' >&2; exit 1
                """)
    }
}

/// The first pid in a text.
func pidNamed(_ text: String) -> Int32? {
    text.firstMatch(of: /pid (\d+)/).flatMap { Int32($0.output.1) }
}

/// A daemon whose runtime changes its behavior whenever the test says so.
func withRuntime(
    _ name: String, _ misconduct: Misconduct, _ body: (Daemon, Client) throws -> Void
) throws {
    let program = "/tmp/staunch-runtime-\(getpid())"
    try write("#!/bin/bash\n" + Misconduct.passedOn, to: program)
    try Command.expect("chmod", "755", program)
    defer { removeFile(program) }
    try withFault(name, ["--runtime", program]) { daemon, client in
        daemon.heals.append { daemon.behave() }
        if misconduct.verb != "none" { daemon.misbehave(misconduct) }
        try body(daemon, client)
    }
}

extension Daemon {
    /// Writes a new file each time and renames it, so that no process runs half of one.
    func misbehave(_ misconduct: Misconduct) {
        replaceRuntime(
            """
            #!/bin/bash
            for word in "$@"; do [ "$word" = \(misconduct.verb) ] && found=1; done
            if [ -n "$found" ]; then
            \(misconduct.script)
            fi
            \(Misconduct.passedOn)
            """)
    }

    func behave() { replaceRuntime("#!/bin/bash\n" + Misconduct.passedOn) }

    private func replaceRuntime(_ script: String) {
        let program = "/tmp/staunch-runtime-\(getpid())"
        do {
            try write(script, to: program + ".new")
            try Command.expect("chmod", "755", program + ".new")
            try Command.expect("mv", program + ".new", program)
        } catch { Issue.record("\(error)") }
    }
}
