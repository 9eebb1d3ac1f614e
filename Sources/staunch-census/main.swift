// staunch-census: lists the resources of a daemon and its pods on this machine, one per line.

import ArgumentParser

CensusProgram.main()
