// All tasks of a pod share one /dev/shm, and no other pod sees it.

import Foundation
import JSON
import Testing

extension Machine {
    @Suite(.needsDaemon) struct SharedMemory {
        @Test("the tasks of a pod share /dev/shm, and other pods have their own")
        func shared() throws {
            try withDaemon { daemon, client in
                let writer = daemon.rootfs.task("echo hello > /dev/shm/word; exec sleep 1000")
                let reader = daemon.rootfs.task(
                    "until cat /dev/shm/word; do sleep 0.02; done 2>&-; exec sleep 1000")
                let pod = try client.createPod(
                    "web", "{\"tasks\": {\"a\": \(writer), \"b\": \(reader)}}")
                #expect(pod.status == 201, "\(pod.reply.text)")
                try eventually("the other task reads it") {
                    try said(pod, "b", daemon) == ["hello"]
                }
                // The file outlives the task that wrote it, because the sandbox's /dev/shm does.
                try client.send(
                    "DELETE", "/v1/pods/web/tasks/a?grace=0", headers: ["Prefer": "wait=60"])
                let look = "cat /dev/shm/word 2>&- || echo none; exec sleep 1000"
                try client.send(
                    "PUT", "/v1/pods/web/tasks/c", daemon.rootfs.task(look),
                    headers: ["Prefer": "wait=60"])
                try eventually("a later task reads it") { try said(pod, "c", daemon) == ["hello"] }
                let other = try client.createPod("other", daemon.rootfs.pod(look))
                try eventually("another pod has none") {
                    try said(other, "app", daemon) == ["none"]
                }
            }
        }

        @Test("/dev/shm has its own size and is noexec, and a task's own mount replaces it")
        func limits() throws {
            try withDaemon { daemon, client in
                let look = """
                    stat -c '%a' /dev/shm; cp /bin/busybox /dev/shm/p; /dev/shm/p true 2>&- || \
                    echo refused; dd if=/dev/zero of=/dev/shm/x bs=1M count=80 2>&-; \
                    stat -f -c '%b' /dev/shm; exec sleep 1000
                    """
                let pod = try client.createPod("web", daemon.rootfs.pod(look))
                try eventually("all is told") {
                    try said(pod, "app", daemon) == ["1777", "refused", "16384"]
                }
                let own = #""mounts": [{"type": "tmpfs", "target": "/dev/shm", "size": 65536}]"#
                let small = "stat -f -c '%b' /dev/shm; exec sleep 1000"
                let other = try client.createPod("small", daemon.rootfs.pod(small, own))
                #expect(other.status == 201, "\(other.reply.text)")
                try eventually("its own is small") { try said(other, "app", daemon) == ["16"] }
            }
        }

        private func said(_ pod: Answer, _ task: String, _ daemon: Daemon) throws -> [Substring] {
            let log = "\(daemon.logDirectory)/\(pod.uid)/\(task).log"
            return (text(of: log) ?? "").split(separator: "\n").compactMap {
                $0.split(separator: " ").last
            }
        }
    }
}
