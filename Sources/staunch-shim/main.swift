// staunch-shim: one for each pod, and the pod's sandbox. See Sources/Shim.

import Glibc
import Shim

exit(shimMain(arguments: CommandLine.arguments, pid: getpid()))
