// One pod receives more requests than it can process. It has a bound, and other pods do not feel
// it.

import Foundation
import Glibc
import JSON
import Testing

extension Machine {
    @Suite(.needsDaemon) struct OpenOperations {
        @Test("6,000 signals to one pod are accepted up to a bound, and affect no other pod")
        func manySignals() throws {
            try withDaemon { daemon, client in
                let pod = try client.createPod("web", daemon.rootfs.sleeper)
                let limit = try client.send("GET", "/v1")["limits", "operationsPerPod"]?.integer
                kill(pod.shimPID, SIGSTOP)
                daemon.heals.append { kill(pod.shimPID, SIGCONT) }
                var accepted: [String] = []
                for _ in 0..<6000 {
                    let answer = try signal(client)
                    if answer.status == 202 {
                        accepted.append(answer.id)
                    } else {
                        #expect(answer.code == "too-many-operations" && answer.status == 429)
                        #expect(answer.reply[header: "retry-after"] != nil)
                    }
                }
                #expect(Int64(accepted.count) == limit)
                #expect(try client.createPod("other", daemon.rootfs.sleeper).status == 201)
                #expect(try client.deletePod("other").state == "succeeded")
                let delete = try client.send("DELETE", "/v1/pods/web?grace=0")
                #expect(delete.status == 202, "\(delete.reply.text)")
                kill(pod.shimPID, SIGCONT)
                for id in accepted {
                    #expect(["succeeded", "failed"].contains(try client.follow(id).state))
                }
                #expect(try client.follow(delete.id).state == "succeeded")
            }
        }

        private func signal(_ client: Client) throws -> Answer {
            try client.send("POST", "/v1/pods/web/tasks/app/signal", #"{"signal": "CONT"}"#)
        }
    }
}
