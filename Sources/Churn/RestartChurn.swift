// Waits for the attempts of a restarted task.

import Client
import JSON
import Linux

extension StaunchWorker {
    /// Waits until as many attempts of the pod's task have ended as the workload asks for. Returns
    /// the last of them.
    func awaitAttempts(
        _ name: String, _ uid: String, _ workload: Workload
    ) throws(RunFailure) -> Int64 {
        var (last, since) = (Int64(0), now())
        while last < workload.restarts, !interrupts.shouldFinish, !statistics.isKilled(uid) {
            let (task, answer) = try line.json(Request("GET", "/v1/pods/\(name)/tasks/app"))
            guard answer.status == 200 else {
                statistics.surprise("GET the task of \(name): \(answer.status) \(answer.text)")
                return last
            }
            let ended = task["lastExit"]?["attempt"]?.integer ?? 0
            if ended > last {
                let took = (now() - since) / Double(ended - last)
                for _ in last..<ended {
                    statistics.change { $0.latencies.record(.attempt, seconds: took) }
                }
                (last, since) = (ended, now())
            } else if now() - since > 60 {
                statistics.change {
                    $0.attempts.stuck(
                        SeriesFault(.lost, uid, "\(name) (\(uid)): no attempt after \(last)"))
                }
                return last
            }
            Thread.pause(seconds: 0.02)
        }
        return last
    }
}
