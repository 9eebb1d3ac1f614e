// The directories and names of the daemon in question: its own options and defaults.

import ArgumentParser
import Census
import Linux

struct Places: ParsableArguments {
    @Option(
        name: .customLong("run-dir"),
        help: ArgumentHelp(
            "The daemon's --run-dir.", discussion: "[STAUNCH_RUN_DIR; default: /run/staunch]",
            valueName: "dir"))
    var runDirectory: String?

    @Option(
        name: .customLong("data-dir"),
        help: ArgumentHelp(
            "The daemon's --data-dir.",
            discussion: "[STAUNCH_DATA_DIR; default: /var/lib/staunch]", valueName: "dir"))
    var dataDirectory: String?

    @Option(
        name: .customLong("log-dir"),
        help: ArgumentHelp(
            "The daemon's --log-dir.", discussion: "[STAUNCH_LOG_DIR; default: /var/log/staunch]",
            valueName: "dir"))
    var logDirectory: String?

    @Option(
        name: .customLong("cgroup-parent"),
        help: ArgumentHelp(
            "The daemon's --cgroup-parent.",
            discussion: "[STAUNCH_CGROUP_PARENT; default: /staunch]", valueName: "path"))
    var cgroupParent: String?

    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp(
            "What pods are given of the host's files: it has to stay as it is.",
            valueName: "path"))
    var bind: [String] = []

    @Flag(
        inversion: .prefixedNo,
        help: ArgumentHelp(
            "The host's interfaces, bridge ports and held addresses.",
            discussion: "They bear no mark: what others do with the network is among them."))
    var hostNetwork = true

    func marks() throws(CensusFailure) -> Census.Marks {
        Census.Marks(
            runDirectory: try directory(runDirectory, "STAUNCH_RUN_DIR", "/run/staunch"),
            dataDirectory: try directory(dataDirectory, "STAUNCH_DATA_DIR", "/var/lib/staunch"),
            logDirectory: try directory(logDirectory, "STAUNCH_LOG_DIR", "/var/log/staunch"),
            cgroupParent: try directory(cgroupParent, "STAUNCH_CGROUP_PARENT", "/staunch"),
            bindSources: bind.map(Path.absolute), hostNetwork: hostNetwork)
    }

    private func directory(
        _ option: String?, _ variable: String, _ standard: String
    ) throws(CensusFailure) -> String {
        let text = option ?? Environment.value(of: variable) ?? standard
        let path = Path.absolute(text)
        // Everything on the machine is below the root directory.
        guard !text.isEmpty, path != "/" else {
            throw CensusFailure("'\(text)' marks nothing as the daemon's; name what it was given")
        }
        return path
    }
}
