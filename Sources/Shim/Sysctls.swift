// The sysctls of the pod. A helper writes them, because those of the network may wait for a lock of
// the whole kernel (RTNL). The files of /proc/sys show the namespaces of the process that opens
// them, and the helper is in the pod's.
//
// The runtime is not asked to do it, because it refuses a sysctl unless it makes the namespace.

import Bytes
import Kernel
import Linux
import ShimProtocol

final class Sysctls: PodPart {
    static let name = WireSysctl.part
    static let hasFolder = false

    let memory: [MemoryFileSystem] = []
    /// Empty once they are set, because the shim lives long.
    private var wanted: [WireSysctl]

    init(_ document: [UInt8], _ shim: Shim) throws(WireFault) {
        wanted = try WireSysctl.parse(document: document)
    }

    func hold() {}

    func finished() { wanted = [] }

    func make() throws(SystemCallFailure) {
        for sysctl in wanted {
            let path = "/proc/sys/" + sysctl.name.fields(".").joined(separator: "/")
            do throws(SystemCallFailure) {
                try Files.writeControlFile(path, sysctl.value)
            } catch {
                throw SystemCallFailure(
                    call: error.call, subject: "\(sysctl.name) = \(sysctl.value)",
                    errno: error.errno)
            }
        }
    }
}
