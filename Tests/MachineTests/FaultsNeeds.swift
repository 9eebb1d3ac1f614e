// What a create needs and a delete does not (law 25): the runtime, the seccomp profile and the
// shim's program. The start must not depend on them, whatever is wrong with them.

import Foundation
import Glibc
import JSON
import Testing

extension Machine {
    @Suite(.needsDaemon) struct NeedsFaults {
        @Test(
            "with any need of creates missing, the daemon starts, deletes end, creates report it",
            arguments: Need.all)
        func start(_ need: Need) throws {
            try withNeeds("start: \(need)") { daemon, client, needs in
                _ = try client.createPod("lives", daemon.rootfs.sleeper)
                _ = try client.createPod("goes", daemon.rootfs.pod("trap '' TERM; sleep 100000"))
                let owed = try client.send("DELETE", "/v1/pods/goes?grace=0.5")
                daemon.crash()
                try needs.spoil(need)
                #expect(try seconds(daemon.start) < 4, "the start")
                let ended = try client.follow(owed.id)
                #expect(ended.state == "succeeded", "\(ended.reply.text)")
                try expectRefused(need, daemon, client)
                #expect(try client.createPod("lives", daemon.rootfs.sleeper).status == 200)
                try needs.repair(need)
                try expectTaken(need, daemon, client)
                #expect(try client.deletePod("lives").state == "succeeded")
            }
        }

        @Test("a shim program on a hung disk delays no delete and no read")
        func shimsDisk() throws {
            try withNeeds("disk under the shim's program") { daemon, client, needs in
                let disk = try StallingDisk(at: daemon.home + "-programs", of: daemon)
                let program = disk.mountPoint + "/shim"
                try Command.expect("cp", Installation.shim, program)
                try Command.expect("sync", program)
                _ = try client.createPod("lives", daemon.rootfs.sleeper)
                _ = try client.createPod("goes", daemon.rootfs.pod("trap '' TERM; sleep 100000"))
                let owed = try client.send("DELETE", "/v1/pods/goes?grace=0.5")
                daemon.crash()
                try Command.expect("ln", "-sf", program, needs.folder + "/shim")
                try disk.stall()
                // Drops it from the page cache, so that the next reader has to ask the disk.
                try Command.expect("dd", "if=\(program)", "iflag=nocache", "count=0")
                try daemon.start()
                let ended = try client.follow(owed.id)
                #expect(ended.state == "succeeded", "\(ended.reply.text)")
                let need = Need(part: "shim", what: "stalled", why: "does not answer", script: "")
                try expectRefused(need, daemon, client)
                disk.resume()
                try expectTaken(need, daemon, client)
                #expect(try client.deletePod("lives").state == "succeeded")
            }
        }

        @Test(
            "a broken copy of the shim's program harms no later start",
            arguments: [true, false])
        func brokenCopy(isDamaged: Bool) throws {
            try withNeeds("start: broken copy of the shim") { daemon, client, needs in
                _ = try client.createPod("lives", daemon.rootfs.sleeper)
                daemon.terminate()
                if isDamaged {
                    let copy = "\(daemon.runDirectory)/bin/*/staunch-shim"
                    try Command.expect(
                        "sh", "-c",
                        "head -c 1000 \(copy) >'\(needs.folder)/part' && "
                            + "cat '\(needs.folder)/part' >'\(needs.folder)/x' && "
                            + "for f in \(copy); do chmod 700 '\(needs.folder)/x' && "
                            + "mv '\(needs.folder)/x' $f; done")
                } else {
                    // Ended while the copy of a program that hangs was on trial.
                    try needs.spoil(Need.hangingShim)
                    try daemon.start()
                    daemon.terminate()
                    try needs.repair(Need.hangingShim)
                }
                try daemon.start()
                let ended = try client.deletePod("lives")
                #expect(ended.state == "succeeded", "\(ended.reply.text)")
                try eventually("a create works") {
                    try client.createPod("new", daemon.rootfs.sleeper).status == 201
                }
                // As it was: the copies' names follow from their content.
                #expect(names(in: daemon.runDirectory + "/bin").count == 1)
            }
        }

        @Test("a running daemon sees that a need breaks, and that it is repaired")
        func whileItRuns() throws {
            let need = Need.profile("malformed", "{", why: "not JSON")
            try withNeeds("broken meanwhile") { daemon, client, needs in
                _ = try client.createPod("lives", daemon.rootfs.sleeper)
                try needs.spoil(need)
                try eventually("it is seen when a create comes") {
                    // Its end is not awaited, because a create that was accepted just before waits
                    // for the repair.
                    let made = try client.send("PUT", "/v1/pods/brief", daemon.rootfs.sleeper)
                    try client.deletePod("brief", query: "grace=0&allowMissing=true")
                    return made.code == "runtime-unavailable"
                }
                try expectRefused(need, daemon, client)
                #expect(try client.deletePod("lives").state == "succeeded")
                try needs.repair(need)
                try expectTaken(need, daemon, client)
            }
        }

        @Test("a runtime with another --version text and without features is used")
        func otherWords() throws {
            try withNeeds("start: other words") { daemon, client, needs in
                daemon.terminate()
                try needs.replaceRuntime(
                    """
                    [ "$1" = --version ] && { echo 'The house runtime, v2.7-rc.1 of today'; exit; }
                    [ "$1" = features ] && { echo 'no such command' >&2; exit 1; }
                    """)
                try daemon.start()
                let server = try client.send("GET", "/v1")
                #expect(server["runtime", "name"]?.string == "runtime")
                #expect(server["runtime", "version"]?.string == "v2.7-rc.1")
                #expect(server["runtime", "recursiveReadOnly"] == .bool(false))
                #expect(try client.createPod("web", daemon.rootfs.sleeper).status == 201)
            }
        }

        private func expectRefused(
            _ need: Need, _ daemon: Daemon, _ client: Client
        ) throws {
            let task = "/v1/pods/lives/tasks/more"
            for (path, body) in [
                ("/v1/pods/new", daemon.rootfs.sleeper), (task, daemon.rootfs.task("true")),
            ] {
                var refused: Answer?
                // In its first seconds the daemon may not yet know what is wrong.
                try eventually("\(path) is refused for its reason") {
                    refused = try client.send("PUT", path, body)
                    return refused?.json["detail"]?.string?.contains(need.why) ?? false
                }
                #expect(refused?.status == 503, "\(refused?.reply.text ?? "")")
                #expect(refused?.code == "runtime-unavailable")
                #expect(refused?["retryable"] == .bool(true))
                #expect(refused?.reply[header: "retry-after"] == "1")
            }
            #expect(try client.send("GET", "/v1/pods/new").code == "pod-unknown")
            let ready = try client.send("GET", "/readyz")
            #expect(ready.status == 200)
            #expect(ready["reason"]?.string?.contains(need.why) == true, "\(ready.reply.text)")
            let server = try client.send("GET", "/v1")
            #expect(server["creates", "accepted"] == .bool(false))
            #expect(server["creates", "reason"]?.string?.contains(need.why) == true)
            let metrics = try client.send("GET", "/metrics").reply.text
            #expect(metrics.contains("\(labels(of: need.part)) 0"))
            // The log has the reason at the end of the look, which asks the runtimes last.
            try eventually("it is in the log") { daemon.log.contains("creates are refused") }
            daemon.expectAnswers()
        }

        private func labels(of part: String) -> String {
            let runtime = part == "runtime" ? "runtime" : ""
            return "staunch_runtime_available{part=\"\(part)\",runtime=\"\(runtime)\"}"
        }

        private func expectTaken(_ need: Need, _ daemon: Daemon, _ client: Client) throws {
            try eventually("a create works, without a restart") {
                let made = try client.createPod("new", daemon.rootfs.sleeper)
                #expect([201, 503].contains(made.status), "\(made.reply.text)")
                return made.status == 201
            }
            #expect(try client.send("GET", "/v1")["creates", "accepted"] == .bool(true))
            #expect(try client.send("GET", "/readyz")["reason"] == nil)
            let metrics = try client.send("GET", "/metrics").reply.text
            for part in ["shim", "seccomp", "runtime"] {
                #expect(metrics.contains("\(labels(of: part)) 1"))
            }
        }
    }
}

/// A thing that a create needs, and what is wrong with it.
struct Need: Sendable, CustomTestStringConvertible, CustomStringConvertible {
    /// The part's name in the metric.
    let part: String
    let what: String
    /// A text that the clients' answers contain.
    let why: String
    /// A shell script, with `$1` for the file.
    let script: String

    var description: String { "\(part) \(what)" }
    var testDescription: String { description }

    static func profile(_ what: String, _ text: String, why: String) -> Need {
        Need(
            part: "seccomp", what: what, why: why,
            script: "cat >\"$1.new\" <<'E'\n\(text)\nE\nmv \"$1.new\" \"$1\"")
    }

    /// A runtime that behaves so for one word, and calls runc for any other.
    static func runtime(_ what: String, asked word: String, _ script: String, why: String) -> Need {
        Need(
            part: "runtime", what: what, why: why,
            script: """
                cat >"$1.new" <<'E'
                #!/bin/bash
                if [ "$1" = \(word) ]; then
                \(script)
                fi
                exec runc "$@"
                E
                chmod 755 "$1.new"; mv "$1.new" "$1"
                """)
    }

    static let all = runtimes + profiles + shims

    static let runtimes = [
        Need(part: "runtime", what: "missing", why: "ENOENT", script: "rm \"$1\""),
        Need(part: "runtime", what: "no program", why: "EACCES", script: "chmod 644 \"$1\""),
        Need(
            part: "runtime", what: "a directory", why: "execute",
            script: "rm \"$1\"; mkdir \"$1\""),
        Need(
            part: "runtime", what: "of another machine", why: "ENOEXEC",
            script: "printf '\\177ELF none' >\"$1\""),
        runtime("hangs", asked: "--version", "exec sleep 1008", why: "does not answer"),
        runtime(
            "hangs with a child", asked: "features", "sleep 1008 & sleep 1008",
            why: "does not answer"),
        runtime(
            "prints garbage", asked: "--version", "head -c 5000 /dev/urandom; exit 0",
            why: "no text"),
        runtime("prints nothing", asked: "--version", "exit 0", why: "no text"),
        runtime("floods", asked: "--version", "exec yes", why: "prints more than"),
        runtime("floods standard error", asked: "--version", "yes >&2", why: "prints more than"),
        runtime("fails", asked: "--version", "echo boom >&2; exit 3", why: "exit code 3: boom"),
        runtime("crashes", asked: "features", "kill -SEGV $$", why: "signal 11"),
    ]

    static let profiles = [
        Need(part: "seccomp", what: "missing", why: "ENOENT", script: "rm \"$1\""),
        Need(part: "seccomp", what: "empty", why: "not JSON", script: ": >\"$1\""),
        Need(
            part: "seccomp", what: "a directory", why: "EINVAL", script: "rm \"$1\"; mkdir \"$1\""),
        Need(part: "seccomp", what: "a FIFO", why: "EINVAL", script: "rm \"$1\"; mkfifo \"$1\""),
        Need(
            part: "seccomp", what: "too large", why: "EFBIG",
            script: "head -c 2000000 /dev/zero >\"$1\""),
        profile("malformed", "{\"defaultAction\": ", why: "not JSON"),
        profile(
            "of a newer format",
            """
            {"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{"names": ["read"],
            "action": "SCMP_ACT_ALLOW", "includes": {"moonPhases": ["full"]}}]}
            """, why: "moonPhases"),
    ]

    static let hangingShim = Need(
        part: "shim", what: "hangs", why: "does not answer",
        script: "printf '#!/bin/sh\\nexec sleep 1008\\n' >\"$1.new\"; chmod 755 \"$1.new\"; "
            + "mv \"$1.new\" \"$1\"")

    static let shims = [
        Need(part: "shim", what: "missing", why: "ENOENT", script: "rm \"$1\""),
        Need(part: "shim", what: "a FIFO", why: "E", script: "rm \"$1\"; mkfifo -m 755 \"$1\""),
        Need(
            part: "shim", what: "of another machine", why: "ENOEXEC",
            script: "printf '\\177ELF none' >\"$1.new\"; chmod 755 \"$1.new\"; mv \"$1.new\" \"$1\""
        ),
        Need(part: "shim", what: "empty", why: "E", script: ": >\"$1\""),
        hangingShim,
    ]
}

/// The files that a test breaks and repairs.
struct Needs {
    let folder = "/tmp/staunch-needs-\(getpid())"

    var arguments: [String] {
        [
            "--runtime", folder + "/runtime", "--seccomp-profile", folder + "/seccomp", "--shim",
            folder + "/shim",
        ]
    }

    func makeAll() throws {
        try Command.expect("rm", "-rf", folder)
        try makeDirectory(folder)
        for part in ["runtime", "seccomp", "shim"] { try make(part) }
    }

    private func make(_ part: String) throws {
        let path = "\(folder)/\(part)"
        switch part {
        case "runtime": try replaceRuntime("")
        case "seccomp": try Command.expect("cp", "/usr/share/containers/seccomp.json", path)
        default: try Command.expect("cp", Installation.shim, path)
        }
    }

    /// Writes a new file and renames it, so that no process runs half of one.
    func replaceRuntime(_ script: String) throws {
        let path = folder + "/runtime"
        try write("#!/bin/bash\n\(script)\nexec runc \"$@\"\n", to: path + ".new")
        try Command.expect("chmod", "755", path + ".new")
        try Command.expect("mv", "-T", path + ".new", path)
    }

    func spoil(_ need: Need) throws {
        try Command.expect("sh", "-c", need.script, "sh", "\(folder)/\(need.part)")
    }

    func repair(_ need: Need) throws {
        try Command.expect("rm", "-rf", "\(folder)/\(need.part)")
        try make(need.part)
    }
}

private func withNeeds(
    _ name: String, _ body: (Daemon, Client, Needs) throws -> Void
) throws {
    let needs = Needs()
    try needs.makeAll()
    defer { do { try Command.expect("rm", "-rf", needs.folder) } catch {} }
    try withFault(name, needs.arguments) { daemon, client in
        daemon.heals.append { do { try needs.makeAll() } catch { Issue.record("\(error)") } }
        try body(daemon, client, needs)
    }
}
