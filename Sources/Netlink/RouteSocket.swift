// Links, addresses and routes of the network namespace in which the socket was opened. May wait for
// RTNL: only for helpers (law 4).

package import Kernel

package struct RouteSocket: ~Copyable, Sendable {
    package let socket: NetlinkSocket

    /// Opens a socket of the calling thread's network namespace.
    package init() throws(SystemCallFailure) { socket = try NetlinkSocket(.route) }
}

// MARK: - Looks

extension RouteSocket {
    /// `nil` if there is no such link (ENODEV).
    package func link(_ name: InterfaceName) throws(SystemCallFailure) -> NetworkLink? {
        let message = NetlinkMessage.link("RTM_GETLINK", Route.getLink, name.text) {
            $0.put(LinkAttribute.name, text: name.text)
            $0.put(LinkAttribute.extent, host: LinkAttribute.withoutStatistics)
        }
        do {
            let replies = try socket.exchange([message], effect: nil)
            return replies.lazy.compactMap { NetworkLink($0) }.first
        } catch {
            if error.errno == noDevice { return nil }
            throw error
        }
    }

    /// All links; with a bridge's index, only its ports.
    package func links(of bridge: Int32? = nil) throws(SystemCallFailure) -> [NetworkLink] {
        let message = NetlinkMessage.link("RTM_GETLINK", Route.getLink, "all links") {
            if let bridge { $0.put(LinkAttribute.master, [UInt8](host: bridge)) }
            $0.put(LinkAttribute.extent, host: LinkAttribute.withoutStatistics)
        }
        let links = try socket.dump(message).compactMap { NetworkLink($0) }
        // The kernel's filter is a hint.
        return bridge.map { bridge in links.filter { $0.master == bridge } } ?? links
    }

    /// What has passed these links; `nil` for a name that no link has.
    package func statistics(
        of names: [InterfaceName]
    ) throws(SystemCallFailure) -> [InterfaceStatistics?] {
        // A dump takes 3 µs for each link of the host.
        let message = NetlinkMessage.link("RTM_GETLINK", Route.getLink, "all links") { _ in }
        var seen: [String: InterfaceStatistics] = [:]
        for reply in try socket.dump(message) {
            guard let link = InterfaceStatistics(reply) else { continue }
            seen[link.name] = link
        }
        return names.map { seen[$0.text] }
    }

    package func addresses() throws(SystemCallFailure) -> [InterfaceAddress] {
        let head: [UInt8] = [Family.none, 0, 0, 0, 0, 0, 0, 0]
        let message = NetlinkMessage("RTM_GETADDR", Route.getAddress, "all addresses", [], head)
        return try socket.dump(message).compactMap { InterfaceAddress($0) }
    }

    /// The routes of all tables except the local one, which repeats the addresses.
    package func routes() throws(SystemCallFailure) -> [NetworkRoute] {
        let head = [UInt8](repeating: 0, count: 12)
        let message = NetlinkMessage("RTM_GETROUTE", Route.getRoute, "all routes", [], head)
        return try socket.dump(message).compactMap { NetworkRoute($0) }.filter { $0.table != 255 }
    }
}
