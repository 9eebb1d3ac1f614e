// The time between the runtime's success and the program's start. Signals sent then are for the
// program.

import Foundation
import Glibc
import JSON
import Testing

extension Machine {
    @Suite(.needsDaemon) struct StartFaults {
        private let task = "/v1/pods/web/tasks/app"

        @Test("a signal before the exec waits for the program", arguments: ["HUP", "TERM"])
        func signalWaits(_ signal: String) throws {
            try withLateStart { daemon, client, program in
                let sent = try client.send(
                    "POST", task + "/signal", "{\"signal\": \"\(signal)\"}")
                let next = try client.send("POST", task + "/signal", #"{"signal": "WINCH"}"#)
                #expect(try client.follow(next.id, within: 0).state == "running")
                #expect(try client.send("GET", task).state == "running")
                program.letGo()
                #expect(try client.follow(sent.id).state == "succeeded")
                #expect(try client.follow(next.id).state == "succeeded")
                // As the first process of its PID namespace, it receives only signals that it
                // handles.
                let ended = try client.deletePod("web")
                expectKilled(ended["exits", "app"], neverRan: false)
            }
        }

        @Test("a stop during a start waits for the exec; without an exec the task never ran")
        func stopWaits() throws {
            try withLateStart { daemon, client, program in
                let stop = try client.send("POST", task + "/stop", #"{"grace": 0.5}"#)
                #expect(try client.follow(stop.id).state == "succeeded")
                expectKilled(try client.send("GET", task).json, neverRan: true)
                program.letGo()
                #expect(try client.deletePod("web").state == "succeeded")
            }
        }

        @Test("a created task that is stopped never ran, and its stop does not wait for the grace")
        func createdIsStopped() throws {
            try withFault("stop of a created task") { daemon, client in
                _ = try client.createPod(
                    "web", daemon.rootfs.pod("exec sleep 1000", "\"start\": false"))
                let stop = try client.send("POST", task + "/stop", #"{"grace": 600}"#)
                #expect(try client.follow(stop.id).state == "succeeded")
                expectKilled(try client.send("GET", task).json, neverRan: true)
                #expect(try client.deletePod("web").state == "succeeded")
            }
        }

        @Test("a program that cannot be executed never ran")
        func cannotBeExecuted() throws {
            try withFault("exec format error") { daemon, client in
                let mounts = try daemon.shared([daemon.home + "/none": "/none"])
                let program = daemon.home + "/none/program"
                try write("\u{7f}ELF nothing", to: program)
                try Command.expect("chmod", "755", program)
                let task = daemon.rootfs.task(args: ["/none/program"], mounts)
                let made = try client.createPod("web", "{\"tasks\": {\"app\": \(task)}}")
                guard made.status == 201 else { return }  // a runtime that reports at once
                let ended = try client.waitForTask("web", "app", "exited")
                #expect(ended["signal"] == .null)
                #expect(ended["neverRan"] == .bool(true), "\(ended.reply.text)")
                #expect(ended["exitCode"] == .null)
                let log = "\(daemon.logDirectory)/\(made.uid)/app.log"
                try eventually("what the runtime's init said of it is logged") {
                    text(of: log)?.contains("exec format error") ?? false
                }
                #expect(try client.deletePod("web").state == "succeeded")
            }
        }

        private func expectKilled(
            _ exit: JSONValue?, neverRan: Bool,
            sourceLocation: SourceLocation = #_sourceLocation
        ) {
            #expect(exit?["signal"]?.string == "KILL", "\(exit)", sourceLocation: sourceLocation)
            #expect(exit?["exitCode"] == .null, sourceLocation: sourceLocation)
            #expect(exit?["neverRan"] == .bool(neverRan), sourceLocation: sourceLocation)
        }

        /// A pod that is ready before its task's program is executed. The runtime reports success
        /// while its init waits in the exec fifo, as on a slow machine.
        private func withLateStart(
            _ body: (Daemon, Client, LateProgram) throws -> Void
        ) throws {
            let program = LateProgram()
            defer { removeFile(program.gate) }
            try withRuntime("signal before exec", program.misconduct) { daemon, client in
                let made = try client.createPod("web", daemon.rootfs.sleeper)
                #expect(made.status == 201, "\(made.reply.text)")
                defer { program.letGo() }
                try body(daemon, client, program)
            }
        }
    }
}

/// Runs `create` instead of `run`, reports success, and starts when the test lets it go.
private struct LateProgram {
    let gate = "/tmp/staunch-start-\(getpid())"

    init() { removeFile(gate) }

    func letGo() {
        do { try write("", to: gate) } catch { Issue.record("\(error)") }
    }

    var misconduct: Misconduct {
        Misconduct(
            name: "starts late", verb: "run",
            script: """
                words=()
                for word in "$@"; do
                  case $word in run) word=create;; --detach) continue;; esac
                  words+=("$word")
                done
                runc "${words[@]}" || exit
                (exec </dev/null >/dev/null 2>&1
                until [ -e \(gate) ]; do sleep 0.01; done
                exec runc --root "$2" start "${words[-1]}") &
                exit 0
                """)
    }
}
