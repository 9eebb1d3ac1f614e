// staunch-shim: one process for each pod, which owns the pod's sandbox. See Sources/Shim.

import Glibc
import Shim

exit(shimMain(arguments: CommandLine.arguments, pid: getpid()))
