// The options of staunchd, with their environment variables and defaults.

import ArgumentParser

struct Options: ParsableArguments {
    @Option(
        name: .customLong("run-dir"),
        help: ArgumentHelp(
            "The directory of the socket, the records and the mounts of pods.",
            discussion: """
                If the directory is not on a tmpfs, the daemon mounts a tmpfs there, so that \
                nothing in it outlives the boot of the host. The socket is <dir>/staunch.sock. \
                [STAUNCH_RUN_DIR; default: /run/staunch]
                """, valueName: "dir"))
    var runDirectory: String?

    @Option(
        name: .customLong("data-dir"),
        help: ArgumentHelp(
            "The directory of everything that tasks write into their rootfs.",
            discussion: """
                The data of a task is removed with the task. The directory must be on a file \
                system that can hold the upper layer of an overlay, such as ext4, xfs, btrfs or \
                tmpfs, but not on an overlay. \
                [STAUNCH_DATA_DIR; default: /var/lib/staunch]
                """, valueName: "dir"))
    var dataDirectory: String?

    @Option(
        name: .customLong("log-dir"),
        help: ArgumentHelp(
            "The directory of the output of tasks, with a directory for each pod.",
            discussion: "[STAUNCH_LOG_DIR; default: /var/log/staunch]", valueName: "dir"))
    var logDirectory: String?

    @Option(
        name: .customLong("log-root"), parsing: .singleValue,
        help: ArgumentHelp(
            "A directory below which clients may name log files of tasks. It can be repeated.",
            discussion: """
                Such a file is never rotated or removed by the daemon. Symbolic links below the \
                directory are not followed. In the environment variable the directories are \
                separated by ':'. [STAUNCH_LOG_ROOT; default: /var/log/pods]
                """, valueName: "dir"))
    var logRoots: [String] = []

    @Option(
        name: .customLong("cgroup-parent"),
        help: ArgumentHelp(
            "The parent of the cgroups of pods, as a path from the root of the hierarchy.",
            discussion: "[STAUNCH_CGROUP_PARENT; default: /staunch]", valueName: "path"))
    var cgroupParent: String?

    @Option(
        help: ArgumentHelp(
            "An OCI runtime: a path, or a program that is looked up in PATH, or NAME=PROGRAM.",
            discussion: """
                Pods choose a runtime by its name, which without NAME is the name of the program's \
                file. Repeat the option for each runtime; the first is the default. If a runtime \
                is missing or does not answer, the daemon still starts. It refuses creates with \
                that runtime and checks it again. In the variable commas separate the runtimes. \
                [STAUNCH_RUNTIME; default: runc]
                """, valueName: "program"))
    var runtime: [String] = []

    @Option(
        help: ArgumentHelp(
            "The program of the shim, which runs once for each pod.",
            discussion: "[STAUNCH_SHIM; default: staunch-shim beside staunchd itself]",
            valueName: "path"))
    var shim: String?

    @Option(
        name: .customLong("cni-config-dir"),
        help: ArgumentHelp(
            "The directory of the configurations of networks that plugins make (CNI).",
            discussion: """
                The files are used in the order of their names, and read again when they change. \
                The directory need not exist. \
                [STAUNCH_CNI_CONFIG_DIR; default: /etc/cni/net.d]
                """, valueName: "dir"))
    var configurationDirectory: String?

    @Option(
        name: .customLong("cni-plugin-dir"), parsing: .singleValue,
        help: ArgumentHelp(
            "A directory of network plugins. The option can be repeated; the first match wins.",
            discussion: """
                In the environment variable the directories are separated by ':'. \
                [STAUNCH_CNI_PLUGIN_DIR; default: /opt/cni/bin and /usr/lib/cni]
                """, valueName: "dir"))
    var pluginDirectories: [String] = []

    @Option(
        name: .customLong("cni-gc"),
        help: ArgumentHelp(
            "'start': the daemon's start lets network plugins remove what belongs to no pod.",
            discussion: """
                Plugins of CNI 1.1 then remove the attachments of all but this daemon's pods \
                (GC). Choose it only if no other runtime attaches anything to the networks of \
                --cni-config-dir: the plugins would remove that, too. Creates on these networks \
                wait for it, at most a minute for each plugin. \
                [STAUNCH_CNI_GC; default: never]
                """, valueName: "when"))
    var garbage: String?

    @Option(
        name: .customLong("seccomp-profile"),
        help: ArgumentHelp(
            "The seccomp profile: the system calls that tasks may make.",
            discussion: """
                'builtin' is compiled into the daemon and as strict as the profile of Docker. \
                'none' means no filter. Any other value is the path of a profile in the format of \
                containers-common (/usr/share/containers/seccomp.json). The daemon reads the file \
                again when it changes. If the daemon cannot read the file, it refuses creates. \
                [STAUNCH_SECCOMP_PROFILE; default: builtin]
                """, valueName: "profile"))
    var seccompProfile: String?

    @Option(
        name: .customLong("metrics-listen"),
        help: ArgumentHelp(
            "The TCP address that serves /metrics, /healthz and /readyz alone.",
            discussion: """
                A numeric address and a port, such as 127.0.0.1:7496 or [::1]:7496. Port 0 takes \
                any free port, and the log names it. If the address is in use, the daemon tries \
                again each second, and everything else works. 'off' turns the listener off. \
                [STAUNCH_METRICS_LISTEN; default: 127.0.0.1:7496]
                """, valueName: "address"))
    var metricsListen: String?

    @Option(
        name: .customLong("metrics-pods"),
        help: ArgumentHelp(
            "'on': the TCP address serves /metrics/pods, too.",
            discussion: """
                Every user of the host can then read the names of pods and tasks and what they \
                use. The unix socket always serves it. [STAUNCH_METRICS_PODS; default: off]
                """, valueName: "on"))
    var metricsPods: String?

    @Option(
        name: .customLong("audit-interval"),
        help: ArgumentHelp(
            "Seconds between two audits, which look for resources that no record names.",
            discussion: """
                If an audit finds resources with the mark of Staunch, operations of the daemon \
                remove these orphans. /v1/audit shows the last audit. \
                [STAUNCH_AUDIT_INTERVAL; default: 60]
                """, valueName: "seconds"))
    var auditInterval: String?

    @Option(
        name: .customLong("operations-kept"),
        help: ArgumentHelp(
            "How many ended operations are kept whole. Older ones become tombstones without steps.",
            discussion: "[STAUNCH_OPERATIONS_KEPT; default: 10000]", valueName: "count"))
    var operationsKept: String?

    @Option(
        name: .customLong("operations-kept-seconds"),
        help: ArgumentHelp(
            "How long ended operations are kept whole, at most.",
            discussion: "[STAUNCH_OPERATIONS_KEPT_SECONDS; default: 86400]", valueName: "seconds"))
    var operationsKeptSeconds: String?

    @Option(
        name: .customLong("tombstones-kept"),
        help: ArgumentHelp(
            "How many tombstones are kept for late retries. Each takes 700 bytes of the tmpfs.",
            discussion: "[STAUNCH_TOMBSTONES_KEPT; default: 1000000]", valueName: "count"))
    var tombstonesKept: String?

    @Option(
        name: .customLong("tombstones-kept-seconds"),
        help: ArgumentHelp(
            "How long tombstones are kept, at most.",
            discussion: "[STAUNCH_TOMBSTONES_KEPT_SECONDS; default: 604800]",
            valueName: "seconds"))
    var tombstonesKeptSeconds: String?

    @Option(
        name: .customLong("log-level"),
        help: ArgumentHelp(
            "The least severity that is logged on standard error: error, warning, info or debug.",
            discussion: "[STAUNCH_LOG_LEVEL; default: info]", valueName: "level"))
    var logLevel: String?
}
