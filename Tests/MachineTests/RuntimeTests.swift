// Several runtimes in the settings, of which each pod has one.

import Census
import Foundation
import Glibc
import JSON
import Testing

extension Machine {
    @Suite(.needsDaemon) struct Runtimes {
        @Test("pods with two runtimes live side by side, also after one has left the settings")
        func sideBySide() throws {
            let other = try OtherRuntime()
            defer { other.remove() }
            try withDaemon(other.both) { daemon, client in
                let server = try client.send("GET", "/v1")
                let shown = try #require(server["runtimes"]?.elements)
                #expect(shown.map { $0["name"]?.string } == ["runc", "other"])
                #expect(shown.map { $0["default"]?.bool } == [true, false])
                #expect(shown.map { $0["usable"]?.bool } == [true, true])
                #expect(shown.allSatisfy { $0["version"]?.string != nil })
                let plain = try client.createPod("plain", daemon.rootfs.sleeper)
                #expect(plain["runtime"]?.string == "runc")
                let late = daemon.rootfs.task("exit 5", #""start": false"#)
                let chosen = try client.createPod(
                    "chosen",
                    """
                    {"runtime": "other",
                     "tasks": {"app": \(daemon.rootfs.task("exec sleep 9999")), "late": \(late)}}
                    """)
                #expect(chosen["runtime"]?.string == "other", "\(chosen.reply.text)")
                #expect(other.log.contains(chosen.uid) && !other.log.contains(plain.uid))
                try expectUnknown(client)
                try daemon.crashAndRestart()
                for pod in ["plain", "chosen"] {
                    #expect(try addTask("more", to: pod, daemon, client).status == 201, "\(pod)")
                }
                #expect(!other.log.contains(plain.uid))
                try leave(daemon, client, other)
                // Nothing of it is needed any more.
                other.remove()
                #expect(try client.deletePod("chosen").state == "succeeded")
                #expect(try client.deletePod("plain").state == "succeeded")
            }
        }

        private func expectUnknown(_ client: Client) throws {
            let unknown = try client.send("PUT", "/v1/pods/no", #"{"runtime": "kata"}"#)
            #expect(unknown.status == 422)
            #expect(unknown.code == "not-supported")
            #expect(unknown.pointers == ["/runtime"])
            #expect(unknown.reply.text.contains("'runc', 'other'"), "\(unknown.reply.text)")
            let other = try client.send("PUT", "/v1/pods/chosen", #"{"runtime": "runc"}"#)
            #expect(other.code == "spec-conflict")
        }

        private func addTask(
            _ name: String, to pod: String, _ daemon: Daemon, _ client: Client
        ) throws -> Answer {
            try client.send(
                "PUT", "/v1/pods/\(pod)/tasks/\(name)", daemon.rootfs.task("exec sleep 9999"),
                headers: ["Prefer": "wait=60"])
        }

        /// The daemon starts again without the second runtime.
        private func leave(_ daemon: Daemon, _ client: Client, _ other: OtherRuntime) throws {
            daemon.terminate()
            daemon.arguments = ["--runtime", "runc"]
            try daemon.start()
            #expect(try client.send("GET", "/v1")["runtimes"]?.elements?.count == 1)
            let refused = try addTask("yet", to: "chosen", daemon, client)
            #expect(refused.status == 503)
            #expect(refused.code == "runtime-unavailable")
            #expect(refused.reply.text.contains("'other' is not in the daemon's settings"))
            #expect(try addTask("yet", to: "plain", daemon, client).status == 201)
            let wait = ["Prefer": "wait=60"]
            let start = try client.send(
                "POST", "/v1/pods/chosen/tasks/late/start", headers: wait)
            #expect(start.state == "succeeded", "\(start.reply.text)")
            let ended = try client.waitForTask("chosen", "late", "exited")
            #expect(ended["exitCode"]?.integer == 5)
            let stop = try client.send("POST", "/v1/pods/chosen/stop", "{}", headers: wait)
            #expect(stop.state == "succeeded", "\(stop.reply.text)")
        }

        @Test("a runtime that hangs refuses only the pods that name it")
        func hanging() throws {
            let other = try OtherRuntime()
            defer { other.remove() }
            try other.write("[ \"$1\" = --version ] && exec sleep 1009")
            try withDaemon(other.both) { daemon, client in
                #expect(try client.createPod("plain", daemon.rootfs.sleeper).status == 201)
                var refused: Answer?
                try eventually("a pod with it is refused", within: 15) {
                    refused = try client.send("PUT", "/v1/pods/chosen", #"{"runtime": "other"}"#)
                    return refused?.reply.text.contains("does not answer") == true
                }
                #expect(refused?.code == "runtime-unavailable")
                #expect(try client.send("GET", "/v1")["creates", "accepted"] == .bool(true))
                #expect(try client.send("GET", "/readyz")["reason"] == nil)
                let metrics = try client.send("GET", "/metrics").reply.text
                #expect(
                    metrics.contains(
                        #"staunch_runtime_available{part="runtime",runtime="other"} 0"#))
                #expect(
                    metrics.contains(
                        #"staunch_runtime_available{part="runtime",runtime="runc"} 1"#))
                #expect(try client.createPod("second", daemon.rootfs.sleeper).status == 201)
                try other.write("")
                try eventually("it is used, without a restart", within: 15) {
                    let made = try client.createPod("chosen", #"{"runtime": "other"}"#)
                    return made.status == 201
                }
            }
        }

        /// As crun does: it reports success, and the process that has made the task ends later.
        @Test(
            "a task whose runtime's last process ends late is adopted, and a delete ends that one",
            arguments: [0.3, 1000])
        func lateEnd(seconds: Double) throws {
            let program = "/tmp/staunch-late-\(getpid())"
            defer { removeFile(program) }
            try write(
                """
                #!/usr/bin/python3
                import ctypes, os, subprocess, sys, time
                PR_SET_CHILD_SUBREAPER = 36
                args = sys.argv[1:]
                if "run" not in args: os.execv("/usr/sbin/runc", ["runc"] + args)
                ends = os.pipe()
                if os.fork() == 0:
                    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
                    code = subprocess.run(["/usr/sbin/runc"] + args).returncode
                    for name in (1, 2): os.close(name)
                    os.write(ends[1], bytes([code]))
                    time.sleep(\(seconds))
                    os._exit(9)
                sys.exit(os.read(ends[0], 1)[0])

                """, to: program)
            try Command.expect("chmod", "755", program)
            try withDaemon(["--runtime", program]) { daemon, client in
                let isLasting = seconds > 1
                let script = isLasting ? "exec sleep 9999" : "sleep 0.1; exit 6"
                let create = try client.send("PUT", "/v1/pods/web", daemon.rootfs.pod(script)).id
                if isLasting {
                    try eventually("the task runs") {
                        !Census.processes(in: daemon.cgroupParent).filter {
                            text(of: "/proc/\($0)/comm") == "sleep\n"
                        }.isEmpty
                    }
                } else {
                    #expect(try client.follow(create).state == "succeeded")
                    let task = try client.waitForTask("web", "app", "exited")
                    #expect(task["exitCode"]?.integer == 6)
                }
                #expect(try client.deletePod("web").state == "succeeded")
                if isLasting { #expect(try client.follow(create).state == "canceled") }
            }
        }

        @Test("an accepted create waits for a runtime that left the settings, and can be deleted")
        func leftMeanwhile() throws {
            let other = try OtherRuntime()
            defer { other.remove() }
            let go = other.program + ".go"
            defer { removeFile(go) }
            try other.write(
                "case \"$*\" in *\" run \"*) until [ -e \(go) ]; do sleep 0.02; done ;; esac")
            try withDaemon(other.both) { daemon, client in
                daemon.heals.append { do { try write("", to: go) } catch {} }
                let body = daemon.rootfs.pod(
                    "exec sleep 9999", podMore: #""runtime": "other""#)
                let create = try client.send("PUT", "/v1/pods/web", body).id
                try eventually("its runtime is at work") { other.log.contains(" run ") }
                daemon.crash()
                daemon.arguments = ["--runtime", "runc"]
                try daemon.start()
                try eventually("the create says what it waits for") {
                    let text = try client.send("GET", "/v1/operations/\(create)").reply.text
                    return text.contains("'other' is not in the daemon's settings")
                }
                #expect(try client.deletePod("web").state == "succeeded")
                #expect(try client.follow(create).state == "canceled")
            }
        }
    }
}

/// A program that notes its command lines and becomes a runtime: crun, or runc if the host's
/// cgroups are not for crun.
struct OtherRuntime {
    let program: String
    private var notes: String { program + ".log" }
    var log: String { text(of: notes) ?? "" }

    init(_ name: String = "other", _ script: String = "") throws {
        program = "/tmp/staunch-\(name)-\(getpid())"
        try write(script)
        try MachineTests.write("", to: notes)
    }

    var both: [String] { ["--runtime", "runc", "--runtime", "other=" + program] }

    /// Writes a new file and renames it, so that no process runs half of one.
    func write(_ script: String) throws {
        let real = Installation.runtimes.last ?? "runc"
        try MachineTests.write(
            "#!/bin/bash\necho \" $* \" >>\(notes)\n\(script)\nexec \(real) \"$@\"\n",
            to: program + ".new")
        try Command.expect("chmod", "755", program + ".new")
        try Command.expect("mv", program + ".new", program)
    }

    func remove() { for path in [program, notes] { removeFile(path) } }
}
