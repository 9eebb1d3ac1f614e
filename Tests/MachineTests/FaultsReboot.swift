// A reboot: the run directory is empty, and no process or cgroup of a pod exists. Only the content
// of the disks is left.

import Census
import Foundation
import Glibc
import JSON
import Testing

extension Machine {
    @Suite(.needsDaemon) struct RebootFaults {
        @Test("after a reboot the orphans on the disks are removed, and files of others stay")
        func reboot() throws {
            try withFault("reboot") { daemon, client in
                var uids: [String] = []
                for number in 0..<3 {
                    let pod = try client.createPod(
                        "p\(number)",
                        daemon.rootfs.pod(
                            "touch /mine /cache/mine /scratch/mine; echo written; exec sleep 1000",
                            Scenario.mounts, podMore: Scenario.volumes))
                    uids.append(pod.uid)
                    let log = "\(daemon.logDirectory)/\(pod.uid)/app.log"
                    try eventually("it has written") {
                        text(of: log)?.contains("written") == true
                    }
                    #expect(exists("\(daemon.dataDirectory)/\(pod.uid)/.volumes/cache/mine"))
                }
                // A file of no pod among our folders.
                let strangers = [daemon.dataDirectory, daemon.logDirectory].map { $0 + "/mine" }
                for path in strangers { try write("mine", to: path) }
                let old = try client.send("PUT", "/v1/pods/late", daemon.rootfs.sleeper)
                try daemon.reboot()
                for path in [daemon.dataDirectory, daemon.logDirectory] {
                    try eventually("\(path) is clear") {
                        Set(names(in: path)).isDisjoint(with: uids)
                    }
                }
                for path in strangers {
                    #expect(text(of: path) == "mine")
                    removeFile(path)
                }
                #expect(try client.send("GET", "/v1/pods")["items"]?.elements == [])
                let known = try client.send("GET", "/v1/operations/\(old.id)")
                #expect([404, 410].contains(known.status), "\(known.reply.text)")
                try eventually("the audit is balanced") {
                    try client.send("GET", "/v1/audit?fresh=true")["balanced"] == .bool(true)
                }
                #expect(try client.createPod("p0", daemon.rootfs.sleeper).status == 201)
            }
        }
    }
}

extension Daemon {
    /// Removes all that lives in memory, as a reboot does. The boot id is the machine's own and
    /// stays; the store that contains it goes as well.
    func reboot() throws {
        crash()
        // Repeated, because a shim that was busy with a create starts more processes. The daemon's
        // last child, which holds its directory, is not yet in the cgroup.
        try eventually("no process lives, and the run directory is free") {
            let living = Census.processes(in: cgroupParent)
            for pid in living { kill(pid, SIGKILL) }
            return try living.isEmpty && Command.run("umount", runDirectory).status == 0
        }
        try eventually("no cgroup is left") {
            for path in Census.cgroups(of: cgroupParent).sorted(by: >) {
                try Command.run("rmdir", path)
            }
            return Census.cgroups(of: cgroupParent).isEmpty
        }
        try start()
    }
}
