// What a client that would wait is told: the truth, whether it was let wait or not.

import Foundation
import Glibc
import JSON
import Testing

extension Machine {
    @Suite(.needsDaemon) struct Preferences {
        private static let wait = ["Prefer": "wait=60"]

        @Test("a cancel that is waited for, and succeeds, is answered with what is canceled")
        func canceled() throws {
            try withRuntime("runtime: hangs, and is canceled", .hang("run")) { daemon, client in
                let create = try client.send("PUT", "/v1/pods/web", daemon.rootfs.sleeper)
                let path = "/v1/operations/\(create.id)/cancel"
                for _ in 0..<2 {
                    let answer = try client.send("POST", path, headers: Self.wait)
                    #expect(answer.status == 200, "\(answer.reply.text)")
                    #expect(answer.state == "canceled" && answer.id == create.id)
                }
                #expect(try client.send("GET", "/v1/pods/web").code == "pod-unknown")
            }
        }
    }
}
