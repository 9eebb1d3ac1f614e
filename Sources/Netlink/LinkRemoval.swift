// Removes links, one alone or several with one wait for RCU.

import Glibc
package import Kernel

let noDevice = ENODEV

extension RouteSocket {
    /// Removes a link; a veth's peer goes with it. `false` if there was none. Waits for RCU, some
    /// 30 ms.
    @discardableResult
    package func remove(_ name: InterfaceName) throws(SystemCallFailure) -> Bool {
        let message = NetlinkMessage.link("RTM_DELLINK", Route.deleteLink, name.text) {
            $0.put(LinkAttribute.name, text: name.text)
        }
        do { try socket.exchange([message], effect: "network.unlink") } catch {
            if error.errno == noDevice { return false }
            throw error
        }
        return true
    }

    /// Removes all of them that exist, with one wait for RCU: they are put into a group, which no
    /// other link is in, and the group is removed (IFLA_GROUP).
    package func remove(_ names: [InterfaceName]) throws(SystemCallFailure) {
        if names.isEmpty { return }
        let group = try freeGroup()
        let moves = names.map { name in
            NetlinkMessage.link("RTM_SETLINK", Route.setLink, "group of \(name)") {
                $0.put(LinkAttribute.name, text: name.text)
                $0.put(LinkAttribute.group, host: group)
            }
        }
        let removal = NetlinkMessage.link("RTM_DELLINK", Route.deleteLink, "group \(group)") {
            $0.put(LinkAttribute.group, host: group)
        }
        // Without a member the group is ENODEV, too.
        try socket.exchange(moves + [removal], effect: "network.unlink") { $1 == noDevice }
    }

    /// "st" and our pid, so that two helpers choose different numbers; the next number if a link
    /// has it. Links are in group 0, unless a user of the machine has chosen another.
    private func freeGroup() throws(SystemCallFailure) -> UInt32 {
        let taken = Set(try links().map(\.group))
        var group = 0x7374_0000 ^ UInt32(bitPattern: getpid())
        while taken.contains(group) { group &+= 1 }
        return group
    }
}
