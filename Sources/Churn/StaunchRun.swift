// Staunch under churn: a daemon, clients, a nemesis, and the checks before and after.

import Client
import JSON
import Linux

/// The settings that all targets of a run share.
struct Setting {
    let settings: RunSettings
    let stage: Stage
    let account: CPUAccount?
    let interrupts: Interrupts
}

struct StaunchRun {
    private let shared: Setting
    private let statistics = RunStatistics()
    private let daemon: OwnDaemon?
    private let endpoint: Endpoint
    private let watch: Watch
    private let prefix: String

    /// If this returns, the daemon is running; if it throws, nothing is left.
    init(_ shared: Setting) throws(RunFailure) {
        self.shared = shared
        let settings = shared.settings
        prefix = "churn-\(OwnProcess.pid)"
        if let socket = settings.socket {
            daemon = nil
            endpoint = .unix(socket)
        } else {
            let own = OwnDaemon(settings, shared.stage, shared.account)
            daemon = own
            endpoint = .unix(shared.stage.socket)
            do throws(RunFailure) { try own.start() } catch {
                own.end()
                throw error
            }
        }
        watch = Watch(endpoint, prefix: prefix)
        do throws(RunFailure) { try watch.expectModes(settings.mix) } catch {
            daemon?.end()
            throw error
        }
    }

    func run() -> (TargetResult, [Check]) {
        var result = TargetResult(.staunch)
        let before = CensusTaker(shared, ownDaemon: daemon != nil)
        let follower = EventFollower(
            endpoint, since: watch.revision, prefix: prefix + "-", statistics)
        let sampler = Sampler(endpoint, statistics)
        let injector = injector()
        follower.start()
        sampler.start()
        injector?.start()
        let cpu = shared.account?.seconds
        churn()
        result.seconds = statistics.elapsed
        // The cgroups of the run do not account for the CPU time of a daemon that is not its own.
        if daemon != nil, let account = shared.account, let cpu {
            result.cpu = account.seconds - cpu
        }
        injector?.finish()
        watch.deleteLeftovers(statistics)
        if daemon != nil { watch.deleteNetworks(statistics) }
        follower.finish()
        sampler.finish()
        let findings = findings(before)
        daemon?.end()
        statistics.snapshot.result(&result)
        return (result, Checks.checks(findings, result.samples))
    }

    private func injector() -> FaultInjector? {
        guard let daemon, let parent = shared.podCgroup else { return nil }
        return FaultInjector(shared.settings.kills, daemon, parent, statistics, shared.interrupts)
    }

    private func churn() {
        let pool = ClientPool(shared.settings, prefix, statistics, shared.interrupts)
        let (settings, interrupts) = (shared.settings, shared.interrupts)
        let (endpoint, statistics, rootfs) = (endpoint, statistics, shared.stage.rootfs)
        pool.start { StaunchWorker(endpoint, settings, rootfs: rootfs, statistics, interrupts) }
        let printer = ProgressPrinter(.staunch, statistics)
        while !pool.isOver {
            printer.tick()
            Thread.pause(seconds: 0.02)
        }
        printer.finish()
    }

    private func findings(_ before: CensusTaker?) -> Findings {
        var findings = Findings()
        watch.look(&findings)
        findings.left = before?.changes()
        let state = statistics.snapshot
        findings.exits = state.ledger.findings(
            killed: state.killed(.shim), followed: state.eventsAreWhole)
        let workloads = shared.settings.mix.workloads
        let killed = state.killedPods
        if workloads.contains(where: { $0.execs > 0 }) {
            findings.execs = state.execs.findings(killed: killed)
        }
        if workloads.contains(where: \.follows) {
            findings.lines = state.lines.findings(killed: killed)
        }
        if workloads.contains(where: { $0.restarts > 0 }) {
            findings.attempts = state.attempts.findings(killed: killed)
        }
        findings.surprises += state.surprises
        findings.surprises += state.failuresByCause.other.map {
            "create of \($0.pod) failed: \($0.why)"
        }
        if let why = state.cutShort { findings.surprises.append(why) }
        return findings
    }
}

extension Setting {
    /// In one hierarchy, which is enough to find the pod's processes.
    var podCgroup: Cgroup? {
        do {
            let hierarchies = try Cgroups.hierarchies().filter { !$0.has("cpuset") }
            return Cgroup(path: stage.cgroupParent, hierarchies: Array(hierarchies.prefix(1)))
        } catch { return nil }
    }
}
