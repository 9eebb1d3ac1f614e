// staunchd: the daemon. Options.swift contains its options, Daemon.swift its work.

import ArgumentParser

StaunchDaemon.main()
