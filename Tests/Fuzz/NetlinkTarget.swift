// The kernel's netlink replies: links, addresses, routes, elements, connections and errors.

import Kernel
import Netlink

/// Every reader takes any datagram, and what it reads is within its bounds.
@Sendable func fuzzNetlink(_ bytes: [UInt8]) {
    guard let replies = NetlinkReply.parse(bytes[...]) else { return }
    must(replies.count <= bytes.count / 16 + 1, "\(replies.count) messages")
    for reply in replies {
        must(reply.body.count <= bytes.count, "a body of \(reply.body.count) bytes")
        if let number = reply.errorNumber { must(0...4095 ~= number, "errno \(number)") }
        _ = reply.errorText
        _ = NetworkLink(reply)
        if let address = InterfaceAddress(reply) { check(address.prefix) }
        if let route = NetworkRoute(reply) { check(route.destination) }
        _ = ConntrackEntry(reply)
    }
    for set in FirewallSet.allCases {
        for listed in ListedElement.parse(replies, of: set) {
            guard let content = listed.content else { continue }
            must(content.set == set, "\(content) is in \(set)")
        }
    }
}

private func check(_ prefix: IPPrefix) {
    must(0...prefix.address.family.bits ~= prefix.length, "a length of \(prefix.length)")
}
