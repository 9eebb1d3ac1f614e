// Under a service manager: what the manager is told, when it is told that the daemon lives, and the
// sockets that it holds. ServiceManager.swift stands in for the manager.

import Foundation
import Glibc
import JSON
import Testing

extension Machine {
    @Suite(.needsDaemon) struct UnderAManager {
        @Test(
            "READY is sent once mutations are accepted and pods adopted, STOPPING at the end",
            arguments: ["path", "abstract"])
        func notices(_ kind: String) throws {
            let name = "staunch-notify-\(UUID())"
            let manager = try NotifySocket(kind == "path" ? "/tmp/\(name)" : "@\(name)")
            try withDaemon(setUp: { $0.launch(with: ["NOTIFY_SOCKET=\(manager.address)"]) }) {
                daemon, client in
                try eventually("it is ready") { manager.has("READY=1") }
                #expect(manager.messages.first == "STATUS=starting: 0 pods to take up")
                let pod = try client.createPod("web", daemon.rootfs.sleeper)
                manager.forget()
                daemon.terminate()
                #expect(manager.has("STOPPING=1"))
                #expect(manager.has("STATUS=stopping; the pods stay"))
                #expect(exists("/proc/\(pod.shimPID)"))
                manager.forget()

                try daemon.start()
                try eventually("it is ready again") { manager.has("READY=1") }
                #expect(try client.send("GET", "/readyz").status == 200)
                #expect(
                    manager.messages == [
                        "STATUS=starting: 1 pod to take up",
                        "READY=1\nSTATUS=1 pod, 0 operations under way, 0 stalled",
                    ])
                let again = try client.send("GET", "/v1/pods/web")
                #expect(again.state == "ready")
                #expect(again.shimPID == pod.shimPID)
            }
        }

        /// The recovery looks for a lost pod's folder on the loop. The test holds it there.
        @Test("READY is not sent before the pods of the last run were looked at")
        func notReadyTooEarly() throws {
            let manager = try NotifySocket("@staunch-notify-\(UUID())")
            try withDaemon { daemon, client in
                let pod = try client.createPod("web", daemon.rootfs.sleeper)
                kill(pod.shimPID, SIGKILL)
                try eventually("the pod is lost, and put away") {
                    let all = try client.send("GET", "/v1/operations")["items"]?.elements ?? []
                    return all.contains {
                        $0["kind"]?.string == "pod.cleanup" && $0["state"]?.string == "succeeded"
                    }
                }
                daemon.crash()
                daemon.launch(with: ["NOTIFY_SOCKET=\(manager.address)"])
                // -D makes the tracer the child, so that the daemon has the pid that the test
                // knows.
                daemon.launcher += [
                    "/usr/bin/strace", "-D", "-f", "-qq", "-o", "/dev/null", "-P",
                    "\(daemon.runDirectory)/pods/\(pod.uid)", "-e",
                    "inject=newfstatat,lstat:delay_enter=4000000",
                ]
                try daemon.launch()
                daemon.launcher = []
                try eventually("it is starting, and answers") {
                    manager.has("STATUS=starting: 1 pod to take up") && daemon.answers("/healthz")
                }
                // The loop is held, so everything else has time to go wrong.
                Thread.sleep(forTimeInterval: 1)
                #expect(!daemon.isReady, "it was not held")
                #expect(!manager.has("READY=1"))
                try eventually("it is ready") { manager.has("READY=1") }
                #expect(daemon.isReady)
                // The tracer ends with its tracee.
                daemon.crash()
                try daemon.start()
            }
        }

        @Test(
            "WATCHDOG is sent at half of its interval, and not while the loop or the API hangs",
            arguments: ["loop", "MHD-single"])
        func watchdog(_ thread: String) throws {
            let manager = try NotifySocket("@staunch-notify-\(UUID())")
            let words = ["NOTIFY_SOCKET=\(manager.address)", "WATCHDOG_USEC=600000"]
            try withDaemon(setUp: { $0.launch(with: words) }) { daemon, client in
                manager.forget()
                let took = try seconds {
                    try eventually("it lives") { manager.count("WATCHDOG=1") >= 4 }
                }
                // More messages would mean that they come before half of the interval.
                #expect(Double(manager.count("WATCHDOG=1")) <= took / 0.3 + 2)

                let number = try daemon.thread(thread)
                let hold = "inject=epoll_wait,epoll_pwait:delay_enter=60000000"
                let strace = try Command.start(
                    "strace", "-p", "\(number)", "-o", "/dev/null", "-e",
                    "trace=epoll_wait,epoll_pwait", "-e", hold)
                let free = { kill(strace.processIdentifier, SIGKILL) }
                daemon.heals.append { _ = free() }
                try eventually("it is held") {
                    text(of: "/proc/\(daemon.pid)/task/\(number)/stat")?.contains(") t ") == true
                }
                // Messages that were under way at the hold have arrived by then.
                Thread.sleep(forTimeInterval: 0.4)
                manager.forget()
                Thread.sleep(forTimeInterval: 1.5)
                #expect(manager.count("WATCHDOG=1") == 0)
                _ = free()
                strace.waitUntilExit()
                try eventually("it lives again") { manager.count("WATCHDOG=1") >= 2 }
                #expect(try client.send("GET", "/healthz").status == 200)
            }
        }

        @Test(
            "a watchdog with another process's WATCHDOG_PID is not answered",
            arguments: ["self", "1", ""])
        func watchdogPID(_ pid: String) throws {
            let manager = try NotifySocket("@staunch-notify-\(UUID())")
            let words = ["NOTIFY_SOCKET=\(manager.address)", "WATCHDOG_USEC=100000"]
            let whose = pid.isEmpty ? [] : ["WATCHDOG_PID=\(pid)"]
            try withDaemon(setUp: { $0.launch(with: words + whose) }) { daemon, _ in
                try eventually("it is ready") { manager.has("READY=1") }
                if pid == "1" {
                    Thread.sleep(forTimeInterval: 0.5)
                    #expect(manager.count("WATCHDOG=1") == 0)
                } else {
                    try eventually("it lives") { manager.has("WATCHDOG=1") }
                }
            }
        }

        @Test("no child's environment has the manager's variables")
        func environment() throws {
            let manager = try NotifySocket("@staunch-notify-\(UUID())")
            let words = ["NOTIFY_SOCKET=\(manager.address)", "WATCHDOG_USEC=1000000"]
            try withDaemon(setUp: { $0.launch(with: words) }) { daemon, client in
                let pod = try client.createPod("web", daemon.rootfs.sleeper)
                let shim = try #require(text(of: "/proc/\(pod.shimPID)/environ"))
                #expect(shim.contains("PATH="))
                #expect(!shim.contains("NOTIFY_SOCKET") && !shim.contains("WATCHDOG"))
            }
        }
    }
}
