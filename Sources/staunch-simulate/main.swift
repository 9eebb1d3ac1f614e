// staunch-simulate: the engine over a machine in memory, through histories of requests, faults and
// restarts. A seed is a history; the seed of one that breaks a law is printed.

import ArgumentParser

Simulate.main()
