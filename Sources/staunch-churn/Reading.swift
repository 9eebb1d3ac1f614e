// Converts the command line to valid settings.

import Churn
import Linux

extension Options {
    func settings() throws(RunFailure) -> RunSettings {
        var settings = RunSettings(mix: try mix())
        settings.clients = try within(1...512, clients, "--clients")
        settings.amount = try amount()
        settings.targets = try chosenTargets()
        if settings.targets != [.staunch], settings.mix.workloads.contains(where: \.asksForMore) {
            throw RunFailure("--exec, --follow and --restart need the target staunch alone")
        }
        settings.kills = try orders()
        if let patience { settings.patience = try within(0.001...3600, patience, "--patience") }
        settings.lostAfter = try within(1...86400, lostAfter, "--lost-after")
        if diskPressure {
            var pressure = PressureSettings()
            pressure.rate = try within(1...10000, pressureRate, "--pressure-rate")
            pressure.bytes = try within(1...10000, pressureBytes, "--pressure-bytes")
            settings.pressure = pressure
        }
        settings.socket = socket.map(absolute)
        settings.runcConfig = runcConfig.map(absolute)
        settings.directory = absolute(dir)
        settings.daemonWords =
            (cniConfigDir.map { ["--cni-config-dir", absolute($0)] } ?? [])
            + cniPluginDir.flatMap { ["--cni-plugin-dir", absolute($0)] }
        let programs = if let bin { absolute(bin) } else { try besideUs() }
        settings.daemonProgram = programs + "/staunchd"
        settings.shimProgram = programs + "/staunch-shim"
        settings.daemonLog = daemonLog.map(absolute)
        settings.seed = seed
        settings.json = try writable(json, "--json")
        settings.report = try writable(report, "--report")
        return settings
    }

    private func mix() throws(RunFailure) -> Mix {
        var workload = Workload()
        workload.tasks = try within(1...32, tasks, "--tasks")
        workload.hold = try within(0...86400, hold, "--hold")
        guard let mode = NetworkMode(rawValue: network) else {
            throw RunFailure("--network \(network): it must be none, host, bridge or cni")
        }
        workload.network = mode
        workload.networkName = networkName
        workload.publishes = publish
        workload.execs = try within(0...10_000, exec, "--exec")
        workload.follows = follow
        workload.restarts = try within(0...1_000_000, restart, "--restart")
        if let fault = workload.contradiction { throw RunFailure("--restart: \(fault)") }
        guard let spec else {
            guard let mix = Mix([workload]) else { throw RunFailure("there is no workload") }
            return mix
        }
        do { return try Mix.read(try Files.read(spec, limit: 1 << 20), defaults: workload) } catch {
            throw RunFailure("--spec \(spec): \(error)")
        }
    }

    private func amount() throws(RunFailure) -> Amount {
        guard let duration else {
            return .pods(try within(1...100_000_000, pods ?? 200, "--pods"))
        }
        guard pods == nil else { throw RunFailure("--pods and --for: give one of them") }
        let units: [Character: Double] = ["s": 1, "m": 60, "h": 3600]
        let unit = duration.last.flatMap { units[$0] }
        let number = Double(unit == nil ? duration : String(duration.dropLast()))
        guard let number, number > 0, number * (unit ?? 1) <= 1e7 else {
            throw RunFailure("--for \(duration): it must be a time such as 90, 30s, 15m or 2h")
        }
        return .seconds(number * (unit ?? 1))
    }

    private func chosenTargets() throws(RunFailure) -> [Target] {
        var chosen: [Target] = []
        for name in targets.isEmpty ? ["staunch"] : targets {
            guard let target = Target(rawValue: name) else {
                throw RunFailure("--target \(name): it must be staunch, podman or runc")
            }
            if !chosen.contains(target) { chosen.append(target) }
        }
        return chosen
    }

    private func orders() throws(RunFailure) -> [KillOrder] {
        guard kill.count == every.count else {
            throw RunFailure("--kill and --every come in pairs: each victim with its seconds")
        }
        guard kill.isEmpty || socket == nil else {
            throw RunFailure("--kill needs a daemon of the run's own, so --socket cannot be given")
        }
        var orders: [KillOrder] = []
        for (name, seconds) in zip(kill, every) {
            guard let victim = Victim(rawValue: name) else {
                throw RunFailure("--kill \(name): it must be daemon, shim, runc or any")
            }
            orders.append(KillOrder(victim, every: try within(0.1...86400, seconds, "--every")))
        }
        return orders
    }

    private func besideUs() throws(RunFailure) -> String {
        guard let own = OwnProcess.executable, let directory = Files.parent(of: own) else {
            throw RunFailure("--bin is needed: /proc/self/exe does not tell where we are")
        }
        return directory
    }

    private func absolute(_ path: String) -> String {
        path.hasPrefix("/") ? path : (OwnProcess.currentDirectory ?? "") + "/" + path
    }

    /// Checks now, because an unwritable file must not show only at the end of the run.
    private func writable(_ path: String?, _ option: String) throws(RunFailure) -> String? {
        guard let path = path.map(absolute) else { return nil }
        do { try Files.deliver([], to: path, mode: 0o644) } catch {
            throw RunFailure("\(option): \(error)")
        }
        return path
    }

    private func within<Number: Comparable>(
        _ range: ClosedRange<Number>, _ value: Number, _ option: String
    ) throws(RunFailure) -> Number {
        guard range.contains(value) else {
            throw RunFailure(
                "\(option) \(value): it must be from \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }
}
