// Many creates at once: the number of working runtimes is limited to the capacity of the machine.

import Foundation
import JSON
import Testing

extension Machine {
    @Suite(.needsDaemon) struct Stages {
        @Test("of thirty simultaneous creates only some use the runtime at a time, and all end")
        func bounded() throws {
            let count = "/tmp/staunch-runtime-count-\(getpid())"
            defer { removeFile(count) }
            try write("", to: count)
            let counted = Misconduct(
                name: "counted", verb: "run",
                script: "echo + >> \(count); runc \"$@\"; c=$?; echo - >> \(count); exit $c")
            try withRuntime("runtime: thirty at once", counted) { daemon, client in
                for number in 0..<30 {
                    let pod = daemon.rootfs.pod("exec sleep 1000")
                    #expect(try client.send("PUT", "/v1/pods/p\(number)", pod).status == 202)
                }
                for number in 0..<30 {
                    try eventually("p\(number) is ready", within: 60) {
                        try client.send("GET", "/v1/pods/p\(number)").state == "ready"
                    }
                }
                var (now, most, all) = (0, 0, 0)
                for sign in (text(of: count) ?? "").split(separator: "\n") {
                    now += sign == "+" ? 1 : -1
                    all += sign == "+" ? 1 : 0
                    most = max(most, now)
                }
                #expect(all == 30 && now == 0)
                #expect(most <= max(4, 2 * ProcessInfo.processInfo.activeProcessorCount), "\(most)")
                for number in 0..<30 { try client.deletePod("p\(number)") }
            }
        }
    }
}
