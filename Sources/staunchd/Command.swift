// The command line. `Settings.swift` converts it to settings.

import API
import ArgumentParser

struct StaunchDaemon: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "staunchd",
        abstract: "Runs pods, and answers for them over HTTP on a unix socket.",
        discussion: discussion,
        version: "staunchd \(StaunchVersion.text)")

    @OptionGroup var options: Options

    func run() throws {
        do throws(StartFailure) {
            try Daemon.run(try options.settings())
        } catch {
            error.tell()
            throw ExitCode.failure
        }
    }
}

/// The examples use the default path of the socket.
private let discussion = """
    A pod is a group of containers with one shim process of its own. The daemon may stop, or be \
    killed, at any moment: the pods stay, and the next start takes them up again with every \
    operation that was under way. SIGTERM and SIGINT stop it at once.

    Each option may also be given in the environment, by the name in brackets; the command line \
    wins. Several daemons run side by side where each has directories, a cgroup parent and a \
    metrics address of its own.

    Under a service manager it tells when it is ready and that it lives (NOTIFY_SOCKET, \
    WATCHDOG_USEC), and serves on the sockets that it is passed (LISTEN_FDS): the API on a unix \
    socket, or on the one that LISTEN_FDNAMES calls api, and the metrics on TCP, or on metrics. \
    These go before --run-dir and --metrics-listen.

    EXAMPLES
      staunchd --run-dir /run/staunch --log-level debug

      S=/run/staunch/staunch.sock
      curl --unix-socket $S http://staunch/v1
      curl --unix-socket $S http://staunch/v1/pods/web -X PUT \\
        -H 'Prefer: wait=30' --json '{"tasks": {"app": {"args": ["sleep", "99"], \\
        "rootfs": {"path": "/srv/rootfs/busybox"}}}}'
      curl --unix-socket $S http://staunch/v1/pods/web
      curl --unix-socket $S -N http://staunch/v1/events
      curl --unix-socket $S -X DELETE http://staunch/v1/pods/web
      curl --unix-socket $S 'http://staunch/v1/audit?fresh=true'
      curl http://127.0.0.1:7496/metrics

    The whole of the API: curl --unix-socket $S http://staunch/openapi.json
    """
