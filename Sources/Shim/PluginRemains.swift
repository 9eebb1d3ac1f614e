// Removes what plugins have left of a pod in spite of their DEL, and looks for it (law 19).

import Bytes
import Kernel
import Linux
import Netlink
import ShimProtocol

struct PluginRemains {
    private let remains: WireRemains

    init(_ remains: WireRemains) { self.remains = remains }

    func run() throws(SystemCallFailure) -> WireRemainsSeen {
        try removeLinks()
        for folder in remains.folders { try removeAddresses(in: folder) }
        let (tables, hasOlderTables) = try rules()
        // Without marks, the caller has seen that no rule is left.
        if tables.isEmpty && !hasOlderTables || remains.marks.isEmpty { try removeNote() }
        return WireRemainsSeen(tables: tables, hasOlderTables: hasOlderTables)
    }

    private func rules() throws(SystemCallFailure) -> (tables: [String], hasOlderTables: Bool) {
        if remains.marks.isEmpty { return ([], false) }
        do throws(SystemCallFailure) {
            let tables = try NetfilterSocket().tables(marked: remains.marks).map(\.description)
            return (
                tables.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }, try hasOlderTables()
            )
        } catch {
            // EINVAL, EPROTONOSUPPORT, EOPNOTSUPP: a kernel without nftables.
            guard [22, 93, 95].contains(error.errno) else { throw error }
            return ([], true)
        }
    }

    /// The directory goes with its last note.
    private func removeNote() throws(SystemCallFailure) {
        guard let note = remains.note else { return }
        try Files.removeFile("\(note.directory)/\(note.name)")
        do throws(SystemCallFailure) { try Files.removeDirectory(note.directory) } catch {
            // EEXIST, ENOTEMPTY: another pod has a note.
            if ![17, 39].contains(error.errno) { throw error }
        }
    }

    /// An interface of that name is the pod's only if it has the pod's MAC address, because plugins
    /// choose names by chance, and only if it is one of a pair: a result may name a shared bridge.
    private func removeLinks() throws(SystemCallFailure) {
        guard !remains.links.isEmpty else { return }
        let route = try RouteSocket()
        for wanted in remains.links {
            guard let name = InterfaceName(wanted.name), let mac = MACAddress(wanted.mac),
                let link = try route.link(name), link.kind?.isSame(as: "veth") ?? false,
                link.mac == mac
            else { continue }
            try route.remove(name)
        }
    }

    /// host-local keeps a file for each address: the first line is the container id.
    private func removeAddresses(in folder: String) throws(SystemCallFailure) {
        let names: [String]
        do { names = try Files.names(in: folder) } catch {
            if error.errno == 20 { return }  // ENOTDIR
            throw error
        }
        for name in names where IPAddress(name) != nil {
            let path = "\(folder)/\(name)"
            if try owner(of: path).isSame(as: remains.uid) { try Files.removeFile(path) }
        }
    }

    private func owner(of path: String) throws(SystemCallFailure) -> String {
        let content: [UInt8]
        do { content = try Files.readRegular(path, limit: 4096) } catch {
            // Another DEL has removed it, or it is no file of host-local.
            if [2, 22, 27].contains(error.errno) { return "" }
            throw error
        }
        let line = content.drop { $0 <= 0x20 }.prefix { $0 > 0x20 }
        return String(decoding: line, as: UTF8.self)
    }

    /// Each family has a list of the tables that the older iptables uses, if it was ever used.
    private func hasOlderTables() throws(SystemCallFailure) -> Bool {
        for list in ["ip", "ip6"] {
            let path = "/proc/net/\(list)_tables_names"
            guard try Files.exists(path) else { continue }
            if !(try Files.text(path)).isEmpty { return true }
        }
        return false
    }
}
