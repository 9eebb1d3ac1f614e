// A netlink socket: requests with their acks, and dumps (netlink(7)).
//
// A socket belongs for ever to the network namespace that its maker was in, and can be used from
// any other. The kernel handles a request during the send, so no call here waits for another
// process; but it may wait for a mutex of the kernel (RTNL, nftables' commit mutex), so that only
// helpers make these calls (law 4). One process uses a socket at a time.

import CLinux
import Failpoints
import Glibc
package import Kernel
package import Linux

package struct NetlinkSocket: ~Copyable, Sendable {
    package enum Subsystem: Sendable {
        case route, netfilter

        fileprivate var number: CInt {
            switch self {
            case .route: CInt(CLINUX_NETLINK_ROUTE)
            case .netfilter: CInt(CLINUX_NETLINK_NETFILTER)
            }
        }
    }

    package let descriptor: OwnedDescriptor

    /// Opens a socket of the calling thread's network namespace.
    package init(_ subsystem: Subsystem) throws(SystemCallFailure) {
        let made = fallible("netlink.open", .descriptor) { clinux_netlink_open(subsystem.number) }
        descriptor = OwnedDescriptor(adopting: try check(made, "socket", "netlink \(subsystem)"))
    }

    consuming func intoDescriptor() -> OwnedDescriptor { descriptor }

    /// More than the kernel puts into one datagram (32 KiB for a dump).
    private static let largestDatagram = 65_536

    /// Sends the requests in one datagram, and waits for all acks. Returns the other replies.
    /// Throws the first failure that `tolerates` does not accept; the kernel still handles the
    /// requests after it, except in a batch. `effect` is `nil` if the requests change nothing.
    @discardableResult
    func exchange(
        _ messages: [NetlinkMessage], effect: StaticString?, isBatch: Bool = false,
        tolerates: (_ index: Int, _ errno: CInt) -> Bool = { _, _ in false }
    ) throws(SystemCallFailure) -> [NetlinkReply] {
        guard let last = messages.last else { return [] }
        let messages = isBatch ? messages : messages.map(\.acknowledged)
        let first = try send(messages, effect)
        var (replies, failure): ([NetlinkReply], SystemCallFailure?) = ([], nil)
        var waiting = isBatch ? 1 : messages.count
        while waiting > 0 {
            for reply in try receive(last) {
                let index = Int(reply.sequence &- first)
                guard messages.indices.contains(index) else { continue }
                guard let errno = reply.errorNumber else {
                    replies.append(reply)
                    continue
                }
                if errno != 0 && !tolerates(index, errno) && failure == nil {
                    failure = messages[index].failure(errno, reply.errorText)
                }
                // In a batch only the last request asks for an ack. The kernel tells each failure
                // anyway, and a failure of the batch itself alone, for its first message.
                if isBatch && index == 0 && errno != 0 { throw messages[0].failure(errno) }
                if !isBatch || messages[index].flags.contains(.ack) { waiting -= 1 }
            }
        }
        if let failure { throw failure }
        return replies
    }

    /// Asks for all objects of a kind. If they change meanwhile, asks again, so that the result is
    /// the kernel's state at one moment.
    func dump(_ message: NetlinkMessage) throws(SystemCallFailure) -> [NetlinkReply] {
        while true {
            if let replies = try dumpOnce(message) { return replies }
        }
    }

    /// `nil` if the objects changed meanwhile.
    private func dumpOnce(
        _ message: NetlinkMessage
    ) throws(SystemCallFailure) -> [NetlinkReply]? {
        var message = message
        message.flags.formUnion(.dump)
        let sequence = try send([message], nil)
        var (replies, isConsistent): ([NetlinkReply], Bool) = ([], true)
        while true {
            for reply in try receive(message) where reply.sequence == sequence {
                if reply.flags & NetlinkReply.interrupted != 0 { isConsistent = false }
                guard let errno = reply.errorNumber else {
                    replies.append(reply)
                    continue
                }
                if errno != 0 { throw message.failure(errno, reply.errorText) }
                return isConsistent ? replies : nil
            }
        }
    }

    /// Returns the sequence number of the first message; the others follow.
    private func send(
        _ messages: [NetlinkMessage], _ name: StaticString?
    ) throws(SystemCallFailure) -> UInt32 {
        try drain()
        // The time distinguishes the replies from those to an earlier user of the socket.
        let first = UInt32(truncatingIfNeeded: clinux_boot_time())
        var bytes: [UInt8] = []
        bytes.reserveCapacity(messages.reduce(0) { $0 + $1.length })
        for (index, message) in messages.enumerated() {
            message.write(to: &bytes, sequence: first &+ UInt32(index))
        }
        // SAFETY: the array's storage lives for the call.
        try checkRetrying(messages[0].call, messages[0].subject) {
            guard let name else {
                return fallible("netlink.look", [.noMemory, .interrupted]) {
                    unsafe clinux_netlink_send(descriptor.number, bytes, bytes.count)
                }
            }
            return effect(name, [.noMemory, .interrupted]) {
                unsafe clinux_netlink_send(descriptor.number, bytes, bytes.count)
            }
        }
        return first
    }

    /// Reads and drops what an earlier user of the socket left, also the rest of a dump.
    private func drain() throws(SystemCallFailure) {
        var byte: UInt8 = 0
        // SAFETY: the byte lives for the call.
        while unsafe clinux_netlink_receive(descriptor.number, &byte, 1, 0) >= 0
            || errno == ENOBUFS || errno == EINTR
        {}
        if errno != EAGAIN { try check(-1, "recv", "netlink") }
    }

    /// The messages of the next datagram. ENOBUFS: replies were lost.
    private func receive(
        _ message: NetlinkMessage
    ) throws(SystemCallFailure) -> [NetlinkReply] {
        let number = descriptor.number
        var failure: CInt = 0
        let room = NetlinkSocket.largestDatagram
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: room) { buffer, count in
            // SAFETY: the buffer has the room that is given; only what came is counted.
            var length = -1
            repeat {
                length = unsafe clinux_netlink_receive(number, buffer.baseAddress, room, 1)
            } while length < 0 && errno == EINTR
            failure = length < 0 ? errno : length > room ? EMSGSIZE : 0
            count = failure == 0 ? length : 0
        }
        if failure != 0 { throw message.failure(failure, "recv") }
        guard let replies = NetlinkReply.parse(bytes[...]) else {
            throw message.failure(EBADMSG, "the kernel's reply is malformed")
        }
        return replies
    }
}
