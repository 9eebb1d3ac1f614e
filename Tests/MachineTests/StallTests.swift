// Any process hangs at any step: other pods do not feel it, and all that waits for it ends when it
// continues.

import Foundation
import Glibc
import Testing

extension Machine {
    @Suite(.needsFailpoints) struct Stalls {
        @Test(
            "any process that hangs at any step delays only its own pod",
            arguments: [Victim.shim, .helper],
            [
                Scenario.create, .stop, .task, .pause, .restart, .order, .exec, .stream, .forward,
                .checks, .update, .delete, .busyDelete, .network, .networkDelete, .plugins,
                .pluginsDelete, .parent, .parentDelete,
            ].filter(\.isTaken))
        func hangs(_ victim: Victim, _ scenario: Scenario) throws {
            // A stop needs no helper, and a connection to a port no shim.
            if victim == .helper && scenario == .stop { return }
            if victim == .shim && scenario == .forward { return }
            try withFailpoints(scenario) { daemon, client in
                try Enumeration(
                    title: "stall \(victim.rawValue): \(scenario.rawValue)", scenario: scenario,
                    kinds: victim.kinds, action: .stall
                ).run(daemon, client) { trial, _ in try whileItHangs(trial) }
            }
        }

        /// Everything is answered in under 100 ms (S7), by a new daemon too. A repeated delete is
        /// the same operation.
        private func whileItHangs(_ trial: Trial) throws {
            let (daemon, client) = (trial.daemon, trial.client)
            let pod = "/v1/pods/\(trial.name)"
            let first = try deleteAgain(trial)
            try holdAnswers(trial, pod)
            if trial.target.isMultiple(of: 2) {
                try trial.restartDaemon()
                try holdAnswers(trial, pod)
                trial.hold(try deleteAgain(trial) == first, "another delete after a restart")
            }
            if trial.scenario == .checks, trial.plan.fired?.kind == .helper {
                try stopsDuringCheck(trial, pod)
            }
            guard trial.target % 16 == 1 else { return }
            let other = "other-\(trial.name)"
            trial.hold(
                try client.createPod(other, daemon.rootfs.sleeper).status == 201, "no other pod")
            trial.hold(try client.deletePod(other).state == "succeeded", "the other pod stays")
        }

        /// The keeper of a check does not hold the stop of its task. It takes some seconds until it
        /// is killed, so at full depth only every eighth failpoint is taken.
        private func stopsDuringCheck(_ trial: Trial, _ pod: String) throws {
            if Installation.isDeep, trial.target % 8 != Seed.value % 8 { return }
            let stop = try trial.client.send(
                "POST", pod + "/tasks/app/stop", #"{"grace": 60}"#,
                headers: ["Prefer": "wait=20"])
            trial.hold(stop.state == "succeeded", "a check holds a stop: \(stop.reply.text)")
        }

        /// The delete's operation; `nil` if there is none.
        private func deleteAgain(_ trial: Trial) throws -> String? {
            guard trial.scenario.deletesPod else { return nil }
            let path = "/v1/pods/\(trial.name)?grace=60"
            let (one, two) = (
                try trial.client.send("DELETE", path), try trial.client.send("DELETE", path)
            )
            trial.hold(one.id == two.id && !one.id.isEmpty, "two deletes: \(one.id), \(two.id)")
            return one.id
        }

        private func holdAnswers(_ trial: Trial, _ pod: String) throws {
            for path in ["/healthz", "/v1/pods", "/v1/operations", "/v1/audit", pod] {
                var best = Double.infinity
                // The machine is shared, so the best of several answers is the daemon's own time.
                for _ in 0..<20 where best >= 0.1 {
                    best = min(best, try trial.client.send("GET", path).took)
                }
                trial.hold(best < 0.1, "GET \(path) took \(best) s")
            }
        }

        @Test(
            "a daemon that is stopped at any step continues there",
            arguments: [
                Scenario.create, .delete, .network, .networkDelete, .plugins, .pluginsDelete,
                .parent, .parentDelete,
            ])
        func daemonStops(_ scenario: Scenario) throws {
            try withFailpoints(scenario) { daemon, client in
                try Enumeration(
                    title: "stop daemon: \(scenario.rawValue)", scenario: scenario, kinds: .daemon,
                    action: .stall, step: 3
                ).run(daemon, client) { trial, _ in
                    kill(daemon.pid, SIGSTOP)
                    try eventually("the daemon is stopped") {
                        text(of: "/proc/\(daemon.pid)/stat")?.contains(") T ") == true
                    }
                    trial.plan.release()
                    // Requests that a client sends meanwhile are answered when the daemon
                    // continues.
                    let wire = try Wire(path: daemon.socket, timeout: 10)
                    try wire.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    kill(daemon.pid, SIGCONT)
                    trial.hold(try wire.receive()?.status == 200, "not answered afterwards")
                }
            }
        }
    }
}
