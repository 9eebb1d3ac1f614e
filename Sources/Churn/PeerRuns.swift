// podman and bare runc under the same churn, so that all are measured in one run.

import Linux

struct PeerRun {
    private let target: Target
    private let shared: Setting
    private let tally = Tally()

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
        let (endpoint, stage, tally) = (service.endpoint, shared.stage, tally)
        let interrupts = shared.interrupts
        let before = shared.account?.seconds
        let seconds = churn { PodmanWorker(endpoint, stage, tally, interrupts) }
        let cpu = before.flatMap { before in shared.account.map { $0.seconds - before } }
        service.putAway()
        return finish(seconds, cpu)
    }

    /// What runc is started by is this program, whose own CPU is not runc's.
    private func runRunc() throws(RunFailure) -> (TargetResult, [Check]) {
        let spec = try RuncWorker.spec(shared.stage)
        let (stage, tally) = (shared.stage, tally)
        var seconds = 0.0
        guard let account = shared.account else {
            return finish(churn { RuncWorker(stage, spec, tally) }, nil)
        }
        let before = account.seconds
        let own = account.including { seconds = churn { RuncWorker(stage, spec, tally) } }
        return finish(seconds, max(0, account.seconds - before - own))
    }

    private func churn(_ make: @escaping @Sendable () -> any PodWorker) -> Double {
        let name = "churn-\(OwnProcess.pid)-\(target.rawValue)"
        let crew = Crew(shared.settings, name, tally, shared.interrupts)
        crew.start(make)
        let printer = ProgressPrinter(target, tally)
        var next = 0.0
        while !crew.isOver {
            if tally.elapsed >= next {
                next += 1
                sample()
            }
            printer.tick()
            Thread.pause(seconds: 0.02)
        }
        printer.finish()
        return tally.elapsed
    }

    private func sample() {
        tally.change { state in
            var sample = Sample()
            sample.at = tally.elapsed
            sample.pods = state.pods
            state.samples.append(sample)
        }
    }

    private func finish(_ seconds: Double, _ cpu: Double?) -> (TargetResult, [Check]) {
        var result = TargetResult(target)
        result.seconds = seconds
        result.cpu = cpu
        let state = tally.snapshot
        state.result(&result)
        result.failed = state.surprises.count
        guard !state.surprises.isEmpty else { return (result, []) }
        let name = "\(target.rawValue): pods that failed"
        // A peer's failures are told, and are no failure of ours.
        return (result, [Check(name, .noted, "\(state.surprises.count)", state.surprises)])
    }
}
