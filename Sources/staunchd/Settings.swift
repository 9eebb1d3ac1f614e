// Converts the command line and the environment to valid settings.

import Bytes
import Engine
import Host
import Linux

/// The settings of the daemon.
struct DaemonSettings {
    var engine = Settings()
    var socket = ""
    /// `nil` means no TCP listener.
    var metrics: ListenAddress?
    /// Whether that listener also serves `/metrics/pods`.
    var tellsPods = false
}

extension Options {
    /// The flag, otherwise the environment variable, otherwise the default.
    func settings() throws(StartFailure) -> DaemonSettings {
        var settings = DaemonSettings()
        let run = try Setting("--run-dir", runDirectory, "STAUNCH_RUN_DIR").directory()
        let data = try Setting("--data-dir", dataDirectory, "STAUNCH_DATA_DIR").directory()
        let log = try Setting("--log-dir", logDirectory, "STAUNCH_LOG_DIR").directory()
        // The runtime refuses a rootfs below a link, and /proc shows only real paths.
        settings.engine.runDirectory = Path.resolved(run ?? settings.engine.runDirectory)
        settings.engine.dataDirectory = Path.resolved(data ?? settings.engine.dataDirectory)
        settings.engine.logDirectory = Path.resolved(log ?? settings.engine.logDirectory)
        settings.engine.logRoots =
            try Setting.directories(logRoots, "--log-root", "STAUNCH_LOG_ROOT")
            ?? settings.engine.logRoots
        let parent = try Setting("--cgroup-parent", cgroupParent, "STAUNCH_CGROUP_PARENT")
            .cgroup()
        settings.engine.cgroupParent = parent ?? settings.engine.cgroupParent
        settings.engine.runtimes = try runtimes()
        settings.engine.searchPath = Setting.searchPath
        settings.engine.shim = try Setting("--shim", shim, "STAUNCH_SHIM").shim()
        settings.engine.seccomp = try Setting(
            "--seccomp-profile", seccompProfile, "STAUNCH_SECCOMP_PROFILE"
        ).seccomp()
        let networks = try Setting(
            "--cni-config-dir", configurationDirectory, "STAUNCH_CNI_CONFIG_DIR"
        ).directory()
        settings.engine.configurationDirectory = networks ?? settings.engine.configurationDirectory
        settings.engine.pluginDirectories =
            try Setting.directories(
                pluginDirectories, "--cni-plugin-dir", "STAUNCH_CNI_PLUGIN_DIR")
            ?? settings.engine.pluginDirectories
        settings.engine.collectsGarbage = try Setting("--cni-gc", garbage, "STAUNCH_CNI_GC")
            .isAtStart()
        settings.engine.stagePlaces = max(4, 2 * OwnProcess.processors)
        settings.engine.auditInterval = try Setting(
            "--audit-interval", auditInterval, "STAUNCH_AUDIT_INTERVAL"
        ).interval()
        settings.engine.limits = try limits()
        settings.engine.logLevel = try Setting("--log-level", logLevel, "STAUNCH_LOG_LEVEL").level()
        settings.metrics = try Setting("--metrics-listen", metricsListen, "STAUNCH_METRICS_LISTEN")
            .address()
        settings.tellsPods = try Setting("--metrics-pods", metricsPods, "STAUNCH_METRICS_PODS")
            .isOn()
        settings.socket = try socket(in: settings.engine.runDirectory)
        return settings
    }

    /// A variable cannot be repeated, so it has them all.
    private func runtimes() throws(StartFailure) -> [RuntimeChoice] {
        let listed = Setting("--runtime", nil, "STAUNCH_RUNTIME")
        let words = runtime.isEmpty ? listed.text?.fields(",", keepingEmpty: true) : runtime
        var found: [RuntimeChoice] = []
        for word in words ?? ["runc"] {
            let setting = Setting(source: runtime.isEmpty ? listed.source : "--runtime", text: word)
            found.append(try setting.runtime(behind: found))
        }
        return found
    }

    /// How many operations and tombstones are kept, and for how long.
    private func limits() throws(StartFailure) -> Limits {
        var limits = Limits()
        let operations = try Setting(
            "--operations-kept", operationsKept, "STAUNCH_OPERATIONS_KEPT"
        ).number(1...1_000_000)
        let operationSeconds = try Setting(
            "--operations-kept-seconds", operationsKeptSeconds, "STAUNCH_OPERATIONS_KEPT_SECONDS"
        ).number(1...31_536_000)
        let tombstones = try Setting(
            "--tombstones-kept", tombstonesKept, "STAUNCH_TOMBSTONES_KEPT"
        ).number(1000...10_000_000)
        let tombstoneSeconds = try Setting(
            "--tombstones-kept-seconds", tombstonesKeptSeconds, "STAUNCH_TOMBSTONES_KEPT_SECONDS"
        ).number(1...31_536_000)
        limits.operationsKept = operations.map { Int($0) } ?? limits.operationsKept
        limits.operationsKeptSeconds = operationSeconds ?? limits.operationsKeptSeconds
        limits.tombstonesKept = tombstones.map { Int($0) } ?? limits.tombstonesKept
        limits.tombstonesKeptSeconds = tombstoneSeconds ?? limits.tombstonesKeptSeconds
        return limits
    }

    /// unix(7): a socket's path has at most 107 bytes.
    private func socket(in directory: String) throws(StartFailure) -> String {
        let path = directory + "/staunch.sock"
        guard path.utf8.count <= 107 else {
            throw StartFailure(
                "--run-dir is too long: a socket's path has at most 107 bytes, and \(path) has "
                    + "\(path.utf8.count); choose a shorter directory")
        }
        return path
    }
}

/// One option, if it was given.
struct Setting {
    /// The source of the text, for messages.
    let source: String
    let text: String?

    init(source: String, text: String) {
        self.source = source
        self.text = text
    }

    init(_ flag: String, _ value: String?, _ variable: String) {
        let fromEnvironment = value == nil ? Environment.value(of: variable) : nil
        source = fromEnvironment == nil ? flag : variable
        text = value ?? fromEnvironment
    }
}
