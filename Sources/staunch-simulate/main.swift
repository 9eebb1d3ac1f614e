// staunch-simulate runs the engine on a machine in memory, through histories of requests, faults
// and restarts. Each seed is a history. The seed of a history that breaks a law is printed.

import ArgumentParser

Simulate.main()
