// A whole run: it checks the preconditions, runs each target, then removes everything.

import Linux

package enum ChurnRun {
    /// Throws if there can be no run; then the run has left nothing behind.
    package static func run(
        _ settings: RunSettings, _ interrupts: Interrupts
    ) throws(RunFailure) -> RunResult {
        try expectPrograms(settings)
        let stage = try Stage(below: settings.directory)
        let account = CPUAccount(stage)
        defer {
            stage.putAway()
            account?.putAway()
        }
        let shared = Setting(
            settings: settings, stage: stage, account: account, interrupts: interrupts)
        let pressure = try pressure(shared)
        defer { pressure?.putAway() }
        var result = RunResult()
        result.describe(settings)
        for target in settings.targets where !interrupts.shouldFinish {
            do throws(RunFailure) {
                let (found, checks) = try run(target, shared)
                result.targets.append(found)
                result.checks += checks
            } catch {
                // The results of the other targets are kept.
                if result.targets.isEmpty { throw error }
                result.checks.append(Check("\(target.rawValue) runs", .failed, "\(error)"))
            }
        }
        if pressure?.hasEnded == true {
            result.checks.append(
                Check("the disk's pressure", .unseen, "fio had written its share before the end"))
        }
        if interrupts.shouldFinish { result.cutShort = "it was asked to end" }
        return result
    }

    private static func run(
        _ target: Target, _ shared: Setting
    ) throws(RunFailure) -> (TargetResult, [Check]) {
        guard target == .staunch else { return try PeerRun(target, shared).run() }
        return try StaunchRun(shared).run()
    }

    /// Checks all preconditions that can be checked before anything is made.
    private static func expectPrograms(_ settings: RunSettings) throws(RunFailure) {
        guard OwnProcess.isRoot else { throw RunFailure("needs root: pods are made of mounts") }
        guard Program.find("busybox") != nil else {
            throw RunFailure("needs busybox for the pods' root file system (apt install busybox)")
        }
        do {
            guard try Files.isDirectory(settings.directory) else {
                throw RunFailure("--dir \(settings.directory) is no directory")
            }
        } catch let failure as RunFailure { throw failure } catch {
            throw RunFailure("--dir: \(error)")
        }
        if settings.targets.contains(.staunch), settings.socket == nil {
            for program in [settings.daemonProgram, settings.shimProgram]
            where !Files.isExecutable(program) {
                throw RunFailure("\(program) is no program; scripts/build makes it")
            }
        }
        if Program.find("runc") == nil {
            throw RunFailure("needs runc, which is not installed (apt install runc)")
        }
        if settings.targets.contains(.podman), let why = PodmanService.obstacle { throw why }
        if settings.pressure != nil, let why = DiskPressure.obstacle(below: settings.directory) {
            throw why
        }
    }

    private static func pressure(_ shared: Setting) throws(RunFailure) -> DiskPressure? {
        guard let settings = shared.settings.pressure else { return nil }
        // A time limit for fio, in case this process cannot end fio.
        let seconds: Double =
            switch shared.settings.amount {
            case .pods: 6 * 3600
            case .seconds(let each): each * Double(shared.settings.targets.count) + 600
            }
        return try DiskPressure(settings, in: shared.stage, seconds: seconds)
    }
}
