// The single requests of rtnetlink(7). A link is named by its index or by its name.

import Kernel

extension NetlinkMessage {
    /// Anything about a link. `index` is 0 if an attribute names it. `isUp` sets IFF_UP.
    static func link(
        _ call: String, _ type: UInt16, _ subject: String, _ flags: Flags = [],
        index: Int32 = 0, isUp: Bool = false,
        _ attributes: (inout AttributeWriter) -> Void = { _ in }
    ) -> NetlinkMessage {
        var message = NetlinkMessage(call, type, subject, flags, linkHead(index, isUp: isUp))
        message.attributes(attributes)
        return message
    }

    /// ifinfomsg: family, type, index, flags, mask of the flags to change.
    static func linkHead(_ index: Int32, isUp: Bool) -> [UInt8] {
        let flags = isUp ? Route.isUp : 0
        var head: [UInt8] = [Family.none, 0, 0, 0]
        head.append(host: index)
        head.append(host: flags)
        head.append(host: flags)
        return head
    }

    /// Sets IFF_UP.
    static func enable(_ index: Int32, _ subject: String) -> NetlinkMessage {
        .link("RTM_NEWLINK", Route.newLink, "\(subject) up", index: index, isUp: true)
    }

    /// An IPv6 address is usable at once, because its network is ours (IFA_F_NODAD).
    static func address(_ prefix: IPPrefix, on index: Int32, _ name: String) -> NetlinkMessage {
        let family = prefix.address.family
        let head = [Family.number(family), UInt8(prefix.length), 0, 0] + [UInt8](host: index)
        var message = NetlinkMessage(
            "RTM_NEWADDR", Route.newAddress, "\(prefix) on \(name)", [.create, .exclusive], head)
        message.attributes {
            $0.put(AddressAttribute.local, prefix.address.bytes)
            $0.put(AddressAttribute.address, prefix.address.bytes)
            if family == .v6 {
                $0.put(AddressAttribute.flags, host: AddressAttribute.usableAtOnce)
            } else if prefix.length < 31 {
                $0.put(AddressAttribute.broadcast, prefix.last.bytes)
            }
        }
        return message
    }

    /// A default route.
    static func defaultRoute(
        over gateway: IPAddress, on index: Int32, _ name: String
    ) -> NetlinkMessage {
        // rtmsg: family, lengths of destination and source, TOS, table, protocol, scope, type,
        // flags.
        let head = [
            Family.number(gateway.family), 0, 0, 0,
            Route.mainTable, Route.madeByPeople, 0, Route.unicast, 0, 0, 0, 0,
        ]
        var message = NetlinkMessage(
            "RTM_NEWROUTE", Route.newRoute, "default via \(gateway) on \(name)",
            [.create, .exclusive], head)
        message.attributes {
            $0.put(RouteAttribute.gateway, gateway.bytes)
            $0.put(RouteAttribute.outgoing, [UInt8](host: index))
        }
        return message
    }
}
