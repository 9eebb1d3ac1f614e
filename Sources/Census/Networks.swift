// The daemon's networks in the caller's network namespace: interfaces by their aliases, and the
// table of the firewall with the elements of its sets.

import Bytes
import Kernel
import Netlink

extension Census {
    /// The daemon marks interfaces and elements with the name of its table, a colon and a uid. A
    /// table without elements is listed, too.
    mutating func addNetworks(_ marks: Marks) {
        let mark = marks.networkMark
        do throws(SystemCallFailure) {
            for link in try RouteSocket().links() {
                guard let alias = link.alias, alias.begins(with: mark + ":") else { continue }
                let port = link.master == nil ? "" : " port"
                names.insert("link \(link.name) \(link.kind ?? "-")\(port) \(alias)")
            }
            let firewall = try NetfilterSocket()
            guard let table = FirewallTable(mark), try firewall.exists(table) else { return }
            names.insert("firewall table \(mark)")
            for set in FirewallSet.allCases {
                for element in try firewall.elements(of: set, in: table) {
                    let key = element.content.map { "\($0)" } ?? "unknown"
                    names.insert("firewall \(set.rawValue) \(key) \(element.comment ?? "-")")
                }
            }
        } catch { addUnreadable("network \(mark)", "\(error)") }
    }
}

extension Census {
    /// The rules and chains of network plugins: they have a container's id or a hash of it, and no
    /// mark of ours.
    mutating func addPluginRules() {
        do throws(SystemCallFailure) {
            for rule in try NetfilterSocket().pluginRules() { names.insert("rule \(rule)") }
        } catch { addUnreadable("rules of network plugins", "\(error)") }
    }
}

extension Census.Marks {
    /// The name of the daemon's table: the cgroup parent, with `_` for each byte that is neither a
    /// letter nor a digit. A name that a table cannot have is hashed (FNV-1a, 64 bits).
    var networkMark: String {
        let parent = Array(cgroupParent.utf8.drop { $0 == UInt8(ascii: "/") })
        let plain = parent.map { byte in
            let isPlain =
                UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte | 0x20
                || UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte
            return isPlain ? byte : UInt8(ascii: "_")
        }
        if UInt8(ascii: "a")...UInt8(ascii: "z") ~= plain.first ?? 0, plain.count <= 32 {
            return String(decoding: plain, as: UTF8.self)
        }
        var hash = FNV1a()
        hash.add(plain)
        return "staunch_" + hash.text
    }
}
