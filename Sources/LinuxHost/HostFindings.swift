// Looks for what keeps pods from doing what users expect (`HostFinding`). The files are the
// kernel's, and reading them waits for nothing.

import Bytes
import Host
import Kernel
import Linux

enum HostFindings {
    /// `lines` are those of the network helper: a code and a detail each.
    static func all(_ lines: [(code: String, detail: String)]) -> [HostFinding] {
        var found: [HostFinding] = []
        if reads("/proc/sys/net/ipv4/ip_forward", "0") { found.append(.forwardingOff) }
        if reads("/proc/sys/net/ipv6/conf/all/forwarding", "0"), hasBridgeWithVersion6() {
            found.append(.forwarding6Off)
        }
        for (code, detail) in lines {
            if code.isSame(as: "forward-drop") { found.append(.forwardDrop(chain: detail)) }
            if code.isSame(as: "no-nftables") { found.append(.noNftables(detail)) }
        }
        if reads("/proc/sys/net/bridge/bridge-nf-call-iptables", "1") {
            found.append(.bridgeNetfilter)
        }
        if !favorsDynamicModifications() { found.append(.slowCgroups) }
        return found
    }

    private static func reads(_ path: String, _ expected: String) -> Bool {
        do { return try Files.text(path, limit: 16).upTo("\n").isSame(as: expected) } catch {
            return false
        }
    }

    /// The helper disables IPv6 on the bridge of a network without IPv6 addresses.
    private static func hasBridgeWithVersion6() -> Bool {
        let interfaces = "/proc/sys/net/ipv6/conf"
        do {
            return try Files.names(in: interfaces).contains {
                $0.begins(with: "sb") && reads("\(interfaces)/\($0)/disable_ipv6", "0")
            }
        } catch { return false }
    }

    /// Kernels before 6.0 do not wait.
    private static func favorsDynamicModifications() -> Bool {
        do throws(SystemCallFailure) {
            let major = Int(try SystemInfo.kernelRelease().upTo(".")) ?? 0
            let hierarchies = try MountInfo.current().filter {
                $0.type.isSame(as: "cgroup2") || $0.type.isSame(as: "cgroup")
            }
            return major < 6 || hierarchies.isEmpty
                || hierarchies.contains {
                    $0.superOptions.fields(",").contains("favordynmods")
                }
        } catch { return true }
    }
}
