// staunch-layer: unpacks, removes, syncs and lists the layers of images. See Sources/Layer.

import Glibc
import Layer

exit(layerMain(arguments: CommandLine.arguments))
