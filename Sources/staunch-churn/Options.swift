// Each option with its default.

import ArgumentParser

struct Options: ParsableArguments {
    @Option(
        name: .customLong("target"),
        help: ArgumentHelp(
            "What is churned: staunch, podman or runc; repeat it to compare them in one run.",
            discussion: "[default: staunch]", valueName: "target"))
    var targets: [String] = []

    @Option(help: ArgumentHelp("Clients at a time.", valueName: "count"))
    var clients = 8

    @Option(
        help: ArgumentHelp(
            "How many pods, for each target.", discussion: "[default: 200]", valueName: "count"))
    var pods: Int?

    @Option(
        name: .customLong("for"),
        help: ArgumentHelp(
            "How long, for each target, such as 90, 30s, 15m or 2h; instead of --pods.",
            valueName: "time"))
    var duration: String?

    @Option(
        help: ArgumentHelp(
            "A weighted mix of pod workloads, as JSON.",
            discussion: """
                {"workloads": [{"name": "web", "weight": 3, "tasks": 2, "network": "host", "hold": \
                0.5, "grace": 1, "args": ["sh", "-c", "exit 7"], "exitCode": 7, "readOnly": false, \
                "memory": 67108864}]}. Only 'workloads' with one object is needed. The next three \
                options are the defaults of what a workload does not say.
                """, valueName: "file"))
    var spec: String?

    @Option(help: ArgumentHelp("Tasks in each pod.", valueName: "count"))
    var tasks = 1

    @Option(help: ArgumentHelp("The pods' network: none or host.", valueName: "mode"))
    var network = "none"

    @Option(help: ArgumentHelp("Seconds between create and delete.", valueName: "seconds"))
    var hold = 0.0

    @Option(
        help: ArgumentHelp(
            "A client hangs up after so long, and asks again.",
            discussion: "Without it clients poll, and wait for as long as it takes.",
            valueName: "seconds"))
    var patience: Double?

    @Option(
        help: ArgumentHelp(
            "A daemon that has not answered for so long is gone for good, and the run ends.",
            valueName: "seconds"))
    var lostAfter = 60.0

    @Option(
        help: ArgumentHelp(
            "Kills something of the run's own daemon: daemon, shim, runc or any.",
            discussion: "Repeat it with an --every for each.", valueName: "victim"))
    var kill: [String] = []

    @Option(help: ArgumentHelp("Seconds between two such kills.", valueName: "seconds"))
    var every: [Double] = []

    @Flag(help: "Keeps the disk of --dir busy with fio.")
    var diskPressure = false

    @Option(
        help: ArgumentHelp("MiB a second that fio writes at most.", valueName: "MiB"))
    var pressureRate = 64

    @Option(
        help: ArgumentHelp("GiB that fio writes at most, all in all.", valueName: "GiB"))
    var pressureBytes = 128

    @Option(
        help: ArgumentHelp(
            "A daemon that runs already, by its socket.",
            discussion: "Without it the run starts one of its own, with nothing shared.",
            valueName: "path"))
    var socket: String?

    @Option(
        help: ArgumentHelp(
            "Below it the run makes a directory of its own, which goes with it.",
            valueName: "dir"))
    var dir = "/var/tmp"

    @Option(
        help: ArgumentHelp(
            "Where staunchd and staunch-shim are.",
            discussion: "[default: beside staunch-churn itself]", valueName: "dir"))
    var bin: String?

    @Option(
        help: ArgumentHelp("The same seed gives the same run of workloads.", valueName: "number"))
    var seed: UInt64 = 1

    @Option(help: ArgumentHelp("Keeps all figures as JSON.", valueName: "file"))
    var json: String?

    @Option(
        help: ArgumentHelp(
            "Keeps one page with tables and plots, which needs no network.", valueName: "file"))
    var report: String?

    @Option(
        help: ArgumentHelp("Keeps what the run's own daemon says.", valueName: "file"))
    var daemonLog: String?
}
