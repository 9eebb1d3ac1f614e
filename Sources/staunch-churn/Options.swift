// The options of staunch-churn, with their defaults.

import ArgumentParser

struct Options: ParsableArguments {
    @Option(
        name: .customLong("target"),
        help: ArgumentHelp(
            "The system under test: staunch, podman or runc. Repeat it to compare several.",
            discussion: "[default: staunch]", valueName: "target"))
    var targets: [String] = []

    @Option(
        help: ArgumentHelp("The number of clients that run at the same time.", valueName: "count"))
    var clients = 8

    @Option(
        help: ArgumentHelp(
            "The config.json of the containers of the target runc.",
            discussion: """
                The run replaces its root, arguments, terminal and cgroup. [default: what 'runc \
                spec' prints]
                """, valueName: "file"))
    var runcConfig: String?

    @Option(
        help: ArgumentHelp(
            "The number of pods for each target.", discussion: "[default: 200]", valueName: "count")
    )
    var pods: Int?

    @Option(
        name: .customLong("for"),
        help: ArgumentHelp(
            "How long to run each target, such as 90, 30s, 15m or 2h; replaces --pods.",
            valueName: "time"))
    var duration: String?

    @Option(
        help: ArgumentHelp(
            "A JSON file with a weighted mix of pod workloads.",
            discussion: """
                {"workloads": [{"name": "web", "weight": 3, "tasks": 2, "network": "host", "hold": \
                0.5, "grace": 1, "args": ["sh", "-c", "exit 7"], "exitCode": 7, "readOnly": false, \
                "memory": 67108864}]}. Only 'workloads' with one object is required. \
                --tasks, --network, --network-name, --publish, --hold, --exec, --follow and \
                --restart are the defaults for members that a workload leaves out.
                """, valueName: "file"))
    var spec: String?

    @Option(help: ArgumentHelp("The number of tasks in each pod.", valueName: "count"))
    var tasks = 1

    @Option(
        help: ArgumentHelp(
            "The network of the pods: none, host, bridge or cni.",
            discussion: "On 'bridge' each pod has a host port.", valueName: "mode"))
    var network = "none"

    @Option(
        help: ArgumentHelp(
            "With --network cni: the network's name. [default: the first one]", valueName: "name"))
    var networkName: String?

    @Flag(help: "With --network cni: each pod has a host port. Needs a plugin such as portmap.")
    var publish = false

    @Option(
        help: ArgumentHelp(
            "The run's own daemon reads networks from this directory.", valueName: "dir"))
    var cniConfigDir: String?

    @Option(
        help: ArgumentHelp(
            "The run's own daemon searches this directory for plugins; repeatable.",
            valueName: "dir"))
    var cniPluginDir: [String] = []

    @Option(
        help: ArgumentHelp(
            "Seconds between the create and the delete of a pod.", valueName: "seconds"))
    var hold = 0.0

    @Option(
        help: ArgumentHelp(
            "Execs in the first task of each pod, one after the other.",
            discussion: """
                Every second one is 'true'; the others write known bytes, which are checked, and \
                note that they have run: none may be lost, doubled or untrue.
                """, valueName: "count"))
    var exec = 0

    @Flag(
        help: ArgumentHelp(
            "Follow the log of the first task of each pod.",
            discussion: "The task numbers its lines, and none may be lost or doubled."))
    var follow = false

    @Option(
        help: ArgumentHelp(
            "The first task of each pod ends at once, until it has done so this often.",
            discussion: """
                It is restarted without a pause. The events must tell the exit of each attempt \
                once, and truly. Not together with --exec or --follow.
                """, valueName: "count"))
    var restart: Int64 = 0

    @Option(
        help: ArgumentHelp(
            "Seconds after which a client disconnects and sends its request again.",
            discussion: "Without this option clients poll and wait without a limit.",
            valueName: "seconds"))
    var patience: Double?

    @Option(
        help: ArgumentHelp(
            "Seconds without an answer of the daemon after which the run ends.",
            valueName: "seconds"))
    var lostAfter = 60.0

    @Option(
        help: ArgumentHelp(
            "Kill a process of the run's own daemon again and again: daemon, shim, runc or any.",
            discussion: "If you repeat --kill, give an --every for each.", valueName: "victim"))
    var kill: [String] = []

    @Option(help: ArgumentHelp("Seconds between two kills.", valueName: "seconds"))
    var every: [Double] = []

    @Flag(help: "Keep the disk of --dir busy with fio.")
    var diskPressure = false

    @Option(
        help: ArgumentHelp(
            "The maximum rate at which fio writes, in MiB a second.", valueName: "MiB"))
    var pressureRate = 64

    @Option(
        help: ArgumentHelp("The maximum that fio writes in total, in GiB.", valueName: "GiB"))
    var pressureBytes = 128

    @Option(
        help: ArgumentHelp(
            "The socket of a daemon that already runs.",
            discussion: "Without this option the run starts its own daemon, which shares nothing.",
            valueName: "path"))
    var socket: String?

    @Option(
        help: ArgumentHelp(
            "The directory in which the run makes its own directory, and removes it at the end.",
            valueName: "dir"))
    var dir = "/var/tmp"

    @Option(
        help: ArgumentHelp(
            "The directory of staunchd and staunch-shim.",
            discussion: "[default: beside staunch-churn itself]", valueName: "dir"))
    var bin: String?

    @Option(
        help: ArgumentHelp(
            "The seed of the workloads: the same seed gives the same workloads.",
            valueName: "number"))
    var seed: UInt64 = 1

    @Option(help: ArgumentHelp("Write all figures to a file, as JSON.", valueName: "file"))
    var json: String?

    @Option(
        help: ArgumentHelp(
            "Write a page with tables and plots to a file. The page needs no network.",
            valueName: "file"))
    var report: String?

    @Option(
        help: ArgumentHelp("Write the log of the run's own daemon to a file.", valueName: "file"))
    var daemonLog: String?
}
