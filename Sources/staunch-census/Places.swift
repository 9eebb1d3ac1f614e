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
            "Files of the host that pods use and must not change.",
            valueName: "path"))
    var bind: [String] = []

    @Flag(
        inversion: .prefixedNo,
        help: ArgumentHelp(
            "Include interfaces, bridge ports, held addresses and plugins' rules of the host.",
            discussion: "They bear no mark, so changes by other programs appear, too."))
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
            throw CensusFailure(
                "'\(text)' would match everything on the host; give the path of the daemon")
        }
        return path
    }
}
