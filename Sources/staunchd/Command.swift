// The command line. `Settings.swift` converts it to settings.

import API
import ArgumentParser
import Host

struct StaunchDaemon: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "staunchd",
        abstract: "Runs pods and serves their API over HTTP on a unix socket.",
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
    A pod is a group of tasks (containers) with one shim process. The daemon may stop or be killed \
    at any moment: the pods stay, and the next start takes them up again with every open \
    operation. SIGTERM and SIGINT stop the daemon at once.

    Each option can also be set by the environment variable in brackets. The command line has \
    precedence. Several daemons can run side by side if each has its own directories, cgroup \
    parent and metrics address.

    Under a service manager the daemon reports that it is ready and that it lives (NOTIFY_SOCKET, \
    WATCHDOG_USEC), and serves on the sockets that it inherits (LISTEN_FDS). It serves the API on \
    the unix socket, or on the socket with the name api in LISTEN_FDNAMES. It serves the metrics \
    on the TCP socket, or on the socket with the name metrics. These sockets have precedence over \
    --run-dir and --metrics-listen.

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

    The whole API: curl --unix-socket $S http://staunch/openapi.json
    """
