// podman and bare runc under the same churn, so that one run measures all of them.

import Linux

struct PeerRun {
    private let target: Target
    private let shared: Setting
    private let statistics = RunStatistics()

    init(_ target: Target, _ shared: Setting) {
        self.target = target
        self.shared = shared
    }

    func run() throws(RunFailure) -> (TargetResult, [Check]) {
        switch target {
        case .podman: try runPodman()
        case .runc, .staunch: try runRunc()
        }
    }

    private func runPodman() throws(RunFailure) -> (TargetResult, [Check]) {
        let service = try PodmanService(shared.stage, shared.account)
        let (endpoint, stage, statistics) = (service.endpoint, shared.stage, statistics)
        let interrupts = shared.interrupts
        let before = shared.account?.seconds
        let seconds = churn { PodmanWorker(endpoint, stage, statistics, interrupts) }
        let cpu = before.flatMap { before in shared.account.map { $0.seconds - before } }
        service.putAway()
        return finish(seconds, cpu)
    }

    /// This program starts runc, so its own CPU time is subtracted.
    private func runRunc() throws(RunFailure) -> (TargetResult, [Check]) {
        let spec = try RuncWorker.spec(shared)
        let (stage, statistics) = (shared.stage, statistics)
        var seconds = 0.0
        guard let account = shared.account else {
            return finish(churn { RuncWorker(stage, spec, statistics) }, nil)
        }
        let before = account.seconds
        let own = account.including { seconds = churn { RuncWorker(stage, spec, statistics) } }
        return finish(seconds, max(0, account.seconds - before - own))
    }

    private func churn(_ make: @escaping @Sendable () -> any PodWorker) -> Double {
        let name = "churn-\(OwnProcess.pid)-\(target.rawValue)"
        let pool = ClientPool(shared.settings, name, statistics, shared.interrupts)
        pool.start(make)
        let printer = ProgressPrinter(target, statistics)
        var next = 0.0
        while !pool.isOver {
            if statistics.elapsed >= next {
                next += 1
                sample()
            }
            printer.tick()
            Thread.pause(seconds: 0.02)
        }
        printer.finish()
        return statistics.elapsed
    }

    private func sample() {
        statistics.change { state in
            var sample = Sample()
            sample.at = statistics.elapsed
            sample.pods = state.pods
            state.samples.append(sample)
        }
    }

    private func finish(_ seconds: Double, _ cpu: Double?) -> (TargetResult, [Check]) {
        var result = TargetResult(target)
        result.seconds = seconds
        result.cpu = cpu
        let state = statistics.snapshot
        state.result(&result)
        result.failed = state.surprises.count
        guard !state.surprises.isEmpty else { return (result, []) }
        let name = "\(target.rawValue): pods that failed"
        // A peer's failures are reported, but the run does not fail because of them.
        return (result, [Check(name, .noted, "\(state.surprises.count)", state.surprises)])
    }
}
