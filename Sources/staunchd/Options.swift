// Each option with its environment variable and its default.

import ArgumentParser

struct Options: ParsableArguments {
    @Option(
        name: .customLong("run-dir"),
        help: ArgumentHelp(
            "Where the socket, the records and the pods' mounts are.",
            discussion: """
                A tmpfs is mounted there unless it is on one: nothing in it outlives the host's \
                boot. The socket is <dir>/staunch.sock. \
                [STAUNCH_RUN_DIR; default: /run/staunch]
                """, valueName: "dir"))
    var runDirectory: String?

    @Option(
        name: .customLong("data-dir"),
        help: ArgumentHelp(
            "Where what the containers write into their rootfs goes.",
            discussion: """
                It goes with the task. The directory must be on a file system that can hold an \
                overlay's upper layer, such as ext4, xfs, btrfs or tmpfs; no overlay can. \
                [STAUNCH_DATA_DIR; default: /var/lib/staunch]
                """, valueName: "dir"))
    var dataDirectory: String?

    @Option(
        name: .customLong("log-dir"),
        help: ArgumentHelp(
            "Where the containers' output goes, a directory for each pod.",
            discussion: "[STAUNCH_LOG_DIR; default: /var/log/staunch]", valueName: "dir"))
    var logDirectory: String?

    @Option(
        name: .customLong("cgroup-parent"),
        help: ArgumentHelp(
            "The cgroup below which the pods' cgroups are made, from the root of the hierarchy.",
            discussion: "[STAUNCH_CGROUP_PARENT; default: /staunch]", valueName: "path"))
    var cgroupParent: String?

    @Option(
        help: ArgumentHelp(
            "The OCI runtime: a path, or a name that is looked up in PATH.",
            discussion: """
                If it is missing or does not answer, the daemon starts all the same: creates are \
                refused, and it is looked at again. [STAUNCH_RUNTIME; default: runc]
                """, valueName: "program"))
    var runtime: String?

    @Option(
        help: ArgumentHelp(
            "The program that stands beside each pod.",
            discussion: "[STAUNCH_SHIM; default: staunch-shim beside staunchd itself]",
            valueName: "path"))
    var shim: String?

    @Option(
        name: .customLong("seccomp-profile"),
        help: ArgumentHelp(
            "The system calls that containers may make.",
            discussion: """
                'builtin' is compiled in, and as strict as Docker's; 'none' is no filter; or the \
                path of a profile in the format of containers-common \
                (/usr/share/containers/seccomp.json). A file is read again when it changes; while \
                it cannot be read, creates are refused. \
                [STAUNCH_SECCOMP_PROFILE; default: builtin]
                """, valueName: "profile"))
    var seccompProfile: String?

    @Option(
        name: .customLong("metrics-listen"),
        help: ArgumentHelp(
            "Where /metrics, /healthz and /readyz are served over TCP, and nothing else.",
            discussion: """
                A numeric address and a port, such as 127.0.0.1:7496 or [::1]:7496; port 0 takes \
                any free one, and the log names it. An address that is taken is tried again each \
                second, and keeps nothing else from working. 'off' leaves it out. \
                [STAUNCH_METRICS_LISTEN; default: 127.0.0.1:7496]
                """, valueName: "address"))
    var metricsListen: String?

    @Option(
        name: .customLong("audit-interval"),
        help: ArgumentHelp(
            "Seconds between two looks at the machine for what no record names.",
            discussion: """
                What is found and bears our mark is put away by operations of its own; \
                /v1/audit shows it. [STAUNCH_AUDIT_INTERVAL; default: 60]
                """, valueName: "seconds"))
    var auditInterval: String?

    @Option(
        name: .customLong("operations-kept"),
        help: ArgumentHelp(
            "How many ended operations are kept whole; then they are tombstones, without steps.",
            discussion: "[STAUNCH_OPERATIONS_KEPT; default: 10000]", valueName: "count"))
    var operationsKept: String?

    @Option(
        name: .customLong("operations-kept-seconds"),
        help: ArgumentHelp(
            "For how long they are, at most.",
            discussion: "[STAUNCH_OPERATIONS_KEPT_SECONDS; default: 86400]", valueName: "seconds"))
    var operationsKeptSeconds: String?

    @Option(
        name: .customLong("tombstones-kept"),
        help: ArgumentHelp(
            "How many tombstones answer late retries; the records' tmpfs takes 700 bytes for each.",
            discussion: "[STAUNCH_TOMBSTONES_KEPT; default: 1000000]", valueName: "count"))
    var tombstonesKept: String?

    @Option(
        name: .customLong("tombstones-kept-seconds"),
        help: ArgumentHelp(
            "For how long they do, at most.",
            discussion: "[STAUNCH_TOMBSTONES_KEPT_SECONDS; default: 604800]",
            valueName: "seconds"))
    var tombstonesKeptSeconds: String?

    @Option(
        name: .customLong("log-level"),
        help: ArgumentHelp(
            "How much is told on standard error: error, warning, info or debug.",
            discussion: "[STAUNCH_LOG_LEVEL; default: info]", valueName: "level"))
    var logLevel: String?
}
