// Bare runc, used as in a script: create, start, kill, delete. One container for each task.

import JSON
import Kernel
import Linux

final class RuncWorker: PodWorker {
    private let stage: Stage
    private let spec: JSONValue
    private let statistics: RunStatistics
    private let runc: String
    private let state: String

    init(_ stage: Stage, _ spec: JSONValue, _ statistics: RunStatistics) {
        self.stage = stage
        self.spec = spec
        self.statistics = statistics
        runc = Program.find("runc") ?? "runc"
        state = stage.home + "/runc-state"
    }

    /// The config.json for the containers: the user's, or the output of `runc spec`.
    static func spec(_ shared: Setting) throws(RunFailure) -> JSONValue {
        if let file = shared.settings.runcConfig {
            do { return try JSONValue.parse(try Files.read(file, limit: 1 << 20)) } catch {
                throw RunFailure("--runc-config \(file): \(error)")
            }
        }
        let directory = shared.stage.home + "/runc-spec"
        do {
            try Files.makeDirectories(directory)
            let runc = Program.find("runc") ?? "runc"
            guard try Program.run([runc, "spec", "--bundle", directory]) == 0 else {
                throw RunFailure("runc spec fails")
            }
            return try JSONValue.parse(try Files.read(directory + "/config.json"))
        } catch let failure as RunFailure { throw failure } catch {
            throw RunFailure("runc spec: \(error)")
        }
    }

    func cycle(_ name: String, _ workload: Workload) throws(RunFailure) {
        let containers = workload.taskNames.map { "\(name)-\($0)" }
        do {
            let began = now()
            for container in containers { try create(container, workload) }
            let made = now()
            statistics.record(.create, since: began)
            Thread.pause(seconds: workload.hold)
            let deleting = now()
            for container in containers { try delete(container) }
            statistics.record(.delete, since: deleting)
            let took = made - began + (now() - deleting)
            statistics.change { state in
                state.pods += 1
                state.latencies.record(.pod, seconds: took)
            }
        } catch {
            statistics.surprise("runc: \(name): \(error)")
            for container in containers { forget(container) }
        }
    }

    private func bundle(_ container: String) -> String { "\(stage.home)/runc/\(container)" }

    private func create(_ container: String, _ workload: Workload) throws(SystemCallFailure) {
        let bundle = bundle(container)
        try Files.makeDirectories(bundle)
        let config = workload.runcConfig(
            spec, rootfs: stage.rootfs, cgroup: "\(stage.cgroupParent)/\(container)")
        try Files.replace(bundle + "/config.json", config)
        try run("create", "--bundle", bundle, "--pid-file", bundle + "/pid", container)
        try run("start", container)
    }

    private func delete(_ container: String) throws(SystemCallFailure) {
        let bundle = bundle(container)
        let pid = Int32(try Files.text(bundle + "/pid")) ?? 0
        let process = PidDescriptor.opening(pid)
        ignoring("it may have ended by itself") { () throws(SystemCallFailure) in
            try run("kill", container, "KILL")
        }
        // The task is not our child; its pidfd becomes readable when the task has ended.
        _ = process?.hasEnded(within: 10000)
        try run("delete", container)
        try Tree.remove(container, in: stage.home + "/runc")
    }

    private func forget(_ container: String) {
        ignoring("the end of the run puts away what this does not") {
            () throws(SystemCallFailure) in
            try run("delete", "--force", container)
        }
    }

    private func run(_ words: String...) throws(SystemCallFailure) {
        let code = try Program.run([runc, "--root", state] + words)
        guard code == 0 else {
            throw SystemCallFailure(
                call: "runc \(words[0])", subject: "exit code \(code)", errno: 0)
        }
    }
}
