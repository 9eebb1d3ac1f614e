// staunchd: the daemon. Options.swift contains its options, Daemon.swift its work.

import ArgumentParser
import Linux
import Seccomp

// A helper of the daemon's is the same program, without options: see FilterVerb.
if CommandLine.arguments.dropFirst().elementsEqual([FilterVerb.word]) {
    endProcess(FilterVerb.run())
}
StaunchDaemon.main()
