import Host
import Kernel
import Linux

extension Layout {
    /// Copies of the shim's program, so that starting it never waits for a disk.
    var shimCopies: ProgramCopies {
        ProgramCopies(directory: settings.runDirectory + "/bin", name: "staunch-shim")
    }
}
