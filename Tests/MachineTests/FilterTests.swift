// The filters of crun's tasks: the daemon compiles them, and the shim verifies them.

import Foundation
import Glibc
import JSON
import Testing

extension Machine {
    @Suite(.needsDaemon, .enabled(if: Controllers.areForCrun)) struct Filters {
        /// A script that changes the document of a task before crun reads it. `$1` … are the words
        /// of the runtime.
        private static func changing(_ filter: String, if condition: String = "true") -> String {
            """
            bundle=
            for word; do [ "$last" = --bundle ] && bundle=$word; last=$word; done
            if [ "$bundle" ] && \(condition); then
                jq '\(filter)' "$bundle/config.json" >"$bundle/changed" &&
                    mv "$bundle/changed" "$bundle/config.json" || exit 1
            fi
            """
        }

        private static let unfiltered = "del(.annotations) | del(.linux.seccomp)"

        /// The program that crun has installed for a task, from its state.
        private func installed(_ daemon: Daemon, _ pod: Answer) throws -> Data {
            let state = "\(daemon.runDirectory)/pods/\(pod.uid)/runtime/app"
            let id = try #require(try FileManager.default.contentsOfDirectory(atPath: state).first)
            return try Data(contentsOf: URL(filePath: "\(state)/\(id)/seccomp.bpf"))
        }

        private func document(_ daemon: Daemon, _ pod: Answer) throws -> JSONValue {
            let path = "\(daemon.runDirectory)/pods/\(pod.uid)/tasks/app/config.json"
            return try JSONValue.parse(Array(try Data(contentsOf: URL(filePath: path))))
        }

        @Test(
            "a filter that the daemon compiles is crun's own, and permits the same as runc's",
            arguments: [
                "", #""compat32": false"#, #""capabilities": {"add": ["SYS_ADMIN"]}"#,
                #""seccomp": {"path": "/usr/share/containers/seccomp.json"}"#,
            ])
        func compiled(_ more: String) throws {
            let own = try OtherRuntime("compiling", Filters.changing("del(.annotations)"))
            defer { own.remove() }
            let runtimes = ["runc", "crun", "own=" + own.program]
            try withDaemon(runtimes.flatMap { ["--runtime", $0] }) { daemon, client in
                try Command.expect(
                    "cp", try Confinement.tool.get(), daemon.rootfs.path + "/bin/conf")
                let script = "conf calls; grep ^Seccomp: /proc/self/status; exec sleep 9999"
                var (programs, said): ([Data], [String]) = ([], [])
                for runtime in ["runc", "crun", "own"] {
                    let pod = try client.createPod(
                        runtime,
                        daemon.rootfs.pod(script, more, podMore: #""runtime": "\#(runtime)""#))
                    #expect(pod.status == 201, "\(pod.reply.text)")
                    try eventually("the task has said all") {
                        let words = wordsOf(log: "\(daemon.logDirectory)/\(pod.uid)/app.log")
                        guard words.contains("Seccomp:\t2\n") else { return false }
                        said.append(words)
                        return true
                    }
                    let annotation = try document(daemon, pod)["annotations"]
                    #expect((annotation != nil) == (runtime == "crun"))
                    if runtime != "runc" { programs.append(try installed(daemon, pod)) }
                }
                #expect(said.count == 3 && Set(said).count == 1, "\(said)")
                #expect(programs[0].count > 800 && programs[0] == programs[1])
            }
        }

        @Test("a filter that the daemon cannot compile is compiled by the runtime")
        func refused() throws {
            try withDaemon(["--runtime", "crun"]) { daemon, client in
                let profile = daemon.home + "/profile.json"
                try write(
                    """
                    {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
                     {"names": ["mkdir"], "action": "SCMP_ACT_ERRNO", "errnoRet": 65549}]}
                    """, to: profile)
                let pod = try client.createPod(
                    "web",
                    daemon.rootfs.pod(
                        "mkdir /tmp/x; echo $?; exec sleep 9999",
                        #""seccomp": {"path": "\#(profile)"}"#))
                #expect(pod.status == 201, "\(pod.reply.text)")
                #expect(try document(daemon, pod)["annotations"] == nil)
                #expect(daemon.log.contains("the runtime has to compile a seccomp filter"))
                try eventually("the call is denied with the low bits, EACCES") {
                    wordsOf(log: "\(daemon.logDirectory)/\(pod.uid)/app.log")
                        .contains("Permission denied")
                }
            }
        }

        @Test(
            "a task that the runtime has started without its filter is killed and refused",
            arguments: ["exec sleep 9999", "exit 0"], ["", #""restart": {"policy": "always"}"#])
        func missing(_ script: String, _ more: String) throws {
            let bad = try OtherRuntime("unfiltered", Filters.changing(Filters.unfiltered))
            defer { bad.remove() }
            try withDaemon(["--runtime", bad.program]) { daemon, client in
                let refused = try client.createPod("web", daemon.rootfs.pod(script, more))
                #expect(refused.status == 422, "\(refused.reply.text)")
                #expect(refused.reply.text.contains("without its seccomp filter"))
                #expect(try client.send("GET", "/v1/pods/web").status == 404)
                // Nothing is wrong with a task that is to have none.
                let free = #""seccomp": "unconfined""# + (more.isEmpty ? "" : ", " + more)
                #expect(try client.createPod("free", daemon.rootfs.pod(script, free)).status == 201)
            }
        }

        @Test("a task that its filter ends at once had its filter")
        func deadly() throws {
            try withDaemon(["--runtime", "crun"]) { daemon, client in
                try Command.expect(
                    "cp", try Confinement.tool.get(), daemon.rootfs.path + "/bin/conf")
                let pod = daemon.rootfs.pod("exec conf compat", #""compat32": false"#)
                #expect(try client.createPod("web", pod).status == 201)
                let task = try client.waitForTask("web", "app", "exited")
                #expect(task["signal"]?.string == "SYS", "\(task.reply.text)")
            }
        }

        @Test("a start without the filter fails, and the task has ended")
        func laterStart() throws {
            let bad = try OtherRuntime("unfiltered", Filters.changing(Filters.unfiltered))
            defer { bad.remove() }
            try withDaemon(["--runtime", bad.program]) { daemon, client in
                let body = daemon.rootfs.pod("exec sleep 9999", #""start": false"#)
                #expect(try client.createPod("web", body).status == 201)
                let start = try client.send(
                    "POST", "/v1/pods/web/tasks/app/start", headers: ["Prefer": "wait=60"])
                #expect(start.code == "runtime-refused", "\(start.reply.text)")
                #expect(start.reply.text.contains("without its seccomp filter"))
                let task = try client.waitForTask("web", "app", "exited")
                #expect(task["signal"]?.string == "KILL", "\(task.reply.text)")
            }
        }

        @Test("a restart without the filter is killed, and is the last one")
        func restart() throws {
            let flag = "/tmp/staunch-unfiltered-\(getpid()).flag"
            let bad = try OtherRuntime(
                "unfiltered", Filters.changing(Filters.unfiltered, if: "[ -e \(flag) ]"))
            defer { for path in [flag, bad.program + ".log", bad.program] { removeFile(path) } }
            try withDaemon(["--runtime", bad.program]) { daemon, client in
                let policy = #""restart": {"policy": "always", "backoff": {"initial": 0.02}}"#
                let pod = try client.createPod("web", daemon.rootfs.pod("exec sleep 9999", policy))
                #expect(pod.status == 201, "\(pod.reply.text)")
                try write("", to: flag)
                let kill = try client.send(
                    "POST", "/v1/pods/web/tasks/app/signal", #"{"signal": "KILL"}"#)
                #expect(kill.status < 300, "\(kill.reply.text)")
                let task = try eventuallySome("the second attempt has ended") {
                    let seen = try client.send("GET", "/v1/pods/web/tasks/app")
                    return seen.state == "exited" && seen["attempt"]?.integer == 2 ? seen : nil
                }
                #expect(task["nextStartAt"] == .null, "\(task.reply.text)")
            }
        }
    }
}
