// A rootfs that a stranger holds. The unmount returns EBUSY until the stranger lets go, and the
// operation names the holder.

import Foundation
import Glibc
import JSON
import Testing

extension Machine {
    @Suite(.needsDaemon) struct HeldMountFaults {
        /// A way in which a stranger in the shim's mount namespace holds the rootfs.
        enum Hold: String, CaseIterable, Sendable {
            case cwd, descriptor, mount

            /// The stranger's script. It creates a file once it holds the rootfs.
            func script(_ rootfs: String, _ told: String) -> String {
                switch self {
                case .cwd: "cd \(rootfs) && touch \(told) && exec sleep 1000"
                case .descriptor: "exec 7<\(rootfs)/bin; touch \(told); exec sleep 1000"
                case .mount:
                    "mount -t tmpfs none \(rootfs)/tmp && touch \(told) && exec sleep 1000"
                }
            }
        }

        @Test(
            "a delete waits for a held rootfs, and names the holder", arguments: Hold.allCases
        )
        func held(_ hold: Hold) throws {
            try withFault("EBUSY by a \(hold)") { daemon, client in
                let pod = try client.createPod("web", daemon.rootfs.sleeper)
                let rootfs = daemon.folder(pod) + "/tasks/app/rootfs"
                let told = daemon.home + "/held"
                let holder = try Command.start(
                    "nsenter", "-t", "\(pod.shimPID)", "-m", "sh", "-c",
                    hold.script(rootfs, told))
                let pid = holder.processIdentifier
                daemon.heals.append { kill(pid, SIGKILL) }
                try eventually("it holds") { exists(told) }
                var stuck = try client.delete("web", why: "EBUSY", "pid \(pid) (sleep)", hold.named)
                if hold == .mount { stuck.why = ["EBUSY", hold.named] }
                try daemon.expectServes(stuck)
                if hold == .mount {
                    try Command.expect(
                        "nsenter", "-t", "\(pod.shimPID)", "-m", "umount", rootfs + "/tmp")
                } else {
                    kill(pid, SIGKILL)
                }
                try daemon.expectEnds(stuck)
                kill(pid, SIGKILL)
                holder.waitUntilExit()
            }
        }
    }
}

extension Machine.HeldMountFaults.Hold {
    var named: String {
        switch self {
        case .cwd: "by its cwd"
        case .descriptor: "by its descriptor 7"
        case .mount: "a mount at"
        }
    }
}
