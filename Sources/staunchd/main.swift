// staunchd: the daemon. What it can be told stands in Options.swift, what it then does in
// Daemon.swift.

import ArgumentParser

StaunchDaemon.main()
