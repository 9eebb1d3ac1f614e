// The numbers of rtnetlink (linux/rtnetlink.h, linux/if_link.h, linux/if_addr.h).

import Kernel

enum Route {
    static let newLink: UInt16 = 16
    static let deleteLink: UInt16 = 17
    static let getLink: UInt16 = 18
    static let setLink: UInt16 = 19
    static let newAddress: UInt16 = 20
    static let getAddress: UInt16 = 22
    static let newRoute: UInt16 = 24
    static let getRoute: UInt16 = 26
    /// IFF_UP.
    static let isUp: UInt32 = 1
    static let mainTable: UInt8 = 254
    /// RTPROT_STATIC.
    static let madeByPeople: UInt8 = 4
    /// RTN_UNICAST.
    static let unicast: UInt8 = 1
}

/// AF_….
enum Family {
    static let none: UInt8 = 0
    static let v4: UInt8 = 2
    static let v6: UInt8 = 10

    static func number(_ family: IPAddress.Family) -> UInt8 { family == .v4 ? v4 : v6 }
}

enum LinkAttribute {
    static let address: UInt16 = 1
    static let name: UInt16 = 3
    static let mtu: UInt16 = 4
    static let master: UInt16 = 10
    static let info: UInt16 = 18
    static let alias: UInt16 = 20
    /// IFLA_STATS64.
    static let statistics: UInt16 = 23
    static let familySpecific: UInt16 = 26
    static let group: UInt16 = 27
    /// IFLA_NET_NS_FD.
    static let namespace: UInt16 = 28
    /// IFLA_EXT_MASK, with RTEXT_FILTER_SKIP_STATS.
    static let extent: UInt16 = 29
    static let withoutStatistics: UInt32 = 8
    static let sendingQueues: UInt16 = 31
    static let receivingQueues: UInt16 = 32
    /// Inside of `info`.
    static let infoKind: UInt16 = 1
    static let infoData: UInt16 = 2
    static let portKind: UInt16 = 4
    static let portData: UInt16 = 5
    /// Inside of a veth's `infoData`.
    static let peer: UInt16 = 1
    /// IFLA_BRPORT_MODE, inside of a bridge port's `portData`.
    static let hairpin: UInt16 = 4
    /// IFLA_INET_CONF, and IPV4_DEVCONF_ROUTE_LOCALNET in it.
    static let configuration: UInt16 = 1
    static let routesLocalnet: UInt16 = 26
}

enum AddressAttribute {
    static let address: UInt16 = 1
    static let local: UInt16 = 2
    static let broadcast: UInt16 = 4
    static let flags: UInt16 = 8
    /// IFA_F_NODAD: usable at once, without duplicate address detection.
    static let usableAtOnce: UInt32 = 2
}

enum RouteAttribute {
    static let destination: UInt16 = 1
    static let outgoing: UInt16 = 4
    static let gateway: UInt16 = 5
    static let table: UInt16 = 15
}
