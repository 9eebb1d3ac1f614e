// staunchd: the daemon. What it can be told stands in Command.swift, what it then does in Daemon.swift.

import ArgumentParser

StaunchDaemon.main()
