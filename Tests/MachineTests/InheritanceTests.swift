// What a task is given, and what it does not inherit from the daemon's starter.

import Foundation
import JSON
import Testing

extension Machine {
    @Suite(.needsDaemon) struct Inheritance {
        @Test("tasks with the same name in two pods have separate session keyrings")
        func keyrings() throws {
            try withDaemon { daemon, client in
                for name in ["a", "b"] {
                    let pod = try client.createPod(name, daemon.rootfs.sleeper)
                    let task = try #require(pod["tasks", "app", "uid"]?.string)
                    // Root sees all keys of uid 0 (keyrings(7)).
                    let keys = text(of: "/proc/keys") ?? ""
                    #expect(keys.contains(" _ses.\(task): "), "\(keys)")
                }
            }
        }

        /// Sets all that a starter can set and a process inherits, and becomes the daemon.
        static let hostile = [
            "/bin/bash", "-c",
            """
            umask 027; ulimit -c 1024; ulimit -Sn 512; ulimit -Hn 4096; ulimit -u 30000
            echo 123456 >/proc/$$/timerslack_ns; echo 300 >/proc/$$/oom_score_adj; cd /tmp
            exec setarch -R taskset -c 0 nice -n 5 ionice -c 3 chrt -b 0 \
              setpriv --inh-caps +chown --ambient-caps +chown \
              env --ignore-signal=INT,CHLD,RTMIN+3 --block-signal=USR1,RTMIN+4 "$@"
            """, "hostile",
        ]

        /// Prints one line for each attribute.
        static let look = """
            umask; cut -d' ' -f18,19,40,41 /proc/self/stat; ionice -p $$
            cat /proc/self/timerslack_ns /proc/self/oom_score_adj /proc/self/personality
            grep -E '^(Sig|Shd|Cap(Inh|Amb|Eff|Prm|Bnd)|THP|Cpus_allowed:|Mems)' /proc/self/status
            stat -c '%a %u' /made /made/here /data/new /data/new/bind; tty; ls /proc/self/fd | wc -l
            env; pwd; echo; ulimit -c -S; ulimit -n -S; ulimit -n -H; ulimit -u -S; echo END
            """

        /// What such a task prints under a daemon that `launcher` starts.
        private func said(_ launcher: [String]) throws -> [Substring] {
            var output = ""
            try withDaemon(setUp: { $0.launcher = launcher }) { daemon, client in
                let task = daemon.rootfs.task(
                    Inheritance.look,
                    """
                    "cwd": "/made/here", "user": "staff", "capabilities": {"add": ["SYS_NICE"]},
                    "mounts": [{"type": "tmpfs", "target": "/data/new/bind"}]
                    """)
                let pod = try client.createPod("tell", "{\"tasks\": {\"app\": \(task)}}")
                #expect(pod.status == 201, "\(pod.reply.text)")
                try client.waitForTask("tell", "app", "exited")
                try eventually("the whole output is there") {
                    output = wordsOf(log: "\(daemon.logDirectory)/\(pod.uid)/app.log")
                    return output.contains("END")
                }
            }
            return output.split(separator: "\n", omittingEmptySubsequences: false)
        }

        @Test("a task inherits the limits of the daemon's starter, and no other attribute")
        func attributes() throws {
            let plain = try said(["/usr/bin/env"])
            let hostile = try said(Inheritance.hostile)
            let blank = try #require(hostile.firstIndex(of: ""))
            let limits = Array(hostile[(blank + 1)...])
            #expect(limits.prefix(4) == ["2048", "512", "4096", "30000"], "\(limits)")
            let (own, expected) = (hostile[..<blank], plain.prefix(blank))
            #expect(own.elementsEqual(expected), "\(zip(own, expected).filter { $0 != $1 })")
            let all = own.joined(separator: "\n")
            #expect(
                own.prefix(6) == ["0022", "20 0 0 0", "none: prio 0", "50000", "0", "00000000"])
            for line in ["THP_enabled:\t1", "SigBlk:\t0000000000000000", "755 0", "not a tty"] {
                #expect(all.contains(line), "\(all)")
            }
            #expect(all.contains("SigIgn:\t0000000000000000"), "\(all)")
        }
    }
}
