// staunch-census: what a daemon and its pods have on this machine, a line for each thing.

import ArgumentParser

CensusProgram.main()
