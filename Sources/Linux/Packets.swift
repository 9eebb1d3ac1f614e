// Packets over a unix socket (SOCK_SEQPACKET): boundaries kept, nothing lost, never waiting.

import CLinux
import Failpoints
import Glibc

/// Who is at the other end of a unix socket.
package struct PeerCredentials: Equatable, Sendable {
    package let pid: Int32
    package let uid: UInt32
    package let gid: UInt32

    /// As they were when the peer connected (unix(7), SO_PEERCRED). The pid is 0 if the socket is
    /// not a unix socket, or if the peer is in a PID namespace that is not below ours.
    package init(ofSocket number: CInt) throws(SystemCallFailure) {
        var found = clinux_credentials()
        // SAFETY: the structure lives for the call.
        try check(unsafe clinux_peer_credentials(number, &found), "getsockopt", "SO_PEERCRED")
        (pid, uid, gid) = (found.pid, found.uid, found.gid)
    }
}

package struct PacketSocket: ~Copyable, Sendable {
    package let descriptor: OwnedDescriptor

    package init(adopting descriptor: consuming OwnedDescriptor) {
        self.descriptor = descriptor
    }

    /// The largest packet that either side sends.
    package static let largestPacket = 131_072

    /// Listens as `name` in `directory`; a socket file of that name is replaced.
    package static func listening(
        as name: String, in directory: borrowing OwnedDescriptor
    ) throws(SystemCallFailure) -> PacketSocket {
        // SAFETY: the C string lives for the call.
        let number = effect("socket.listen", [.storage, .descriptor]) {
            unsafe clinux_listen_seqpacket(directory.number, name, 16)
        }
        return PacketSocket(
            adopting: OwnedDescriptor(adopting: try check(number, "bind", name)))
    }

    /// Does not wait: a listener whose backlog is full answers EAGAIN.
    package static func connected(
        to name: String, in directory: borrowing OwnedDescriptor
    ) throws(SystemCallFailure) -> PacketSocket {
        // SAFETY: the C string lives for the call.
        let number = effect("socket.connect", .descriptor) {
            unsafe clinux_connect_seqpacket(directory.number, name)
        }
        return PacketSocket(
            adopting: OwnedDescriptor(adopting: try check(number, "connect", name)))
    }

    /// `nil` where nobody waits, or who did has gone. EMFILE and the like: whoever waits goes on
    /// waiting, and the listener stays readable.
    package borrowing func accept() throws(SystemCallFailure) -> PacketSocket? {
        let number = fallible("socket.accept", .descriptor) { clinux_accept(descriptor.number) }
        if number >= 0 { return PacketSocket(adopting: OwnedDescriptor(adopting: number)) }
        if [EAGAIN, EINTR, ECONNABORTED].contains(errno) { return nil }
        throw SystemCallFailure(call: "accept4", subject: "listener", errno: errno)
    }

    package borrowing func peer() throws(SystemCallFailure) -> PeerCredentials {
        try PeerCredentials(ofSocket: descriptor.number)
    }

    /// The whole packet or nothing; EAGAIN where the other side does not read.
    package borrowing func send(_ packet: [UInt8]) throws(SystemCallFailure) {
        // SAFETY: the array's storage lives for the call.
        try checkRetrying("send", "packet") {
            effect("packet.send", [.noMemory, .interrupted]) {
                unsafe clinux_send(descriptor.number, packet, packet.count)
            }
        }
    }

    /// The next packet, empty at the end of the connection; `nil` where there is none now.
    package borrowing func receive() throws(SystemCallFailure) -> [UInt8]? {
        var failure: CInt = 0
        let number = descriptor.number
        // Room for the largest would be mapped and unmapped for each. This socket has one reader,
        // so what is next now is next then.
        let size = clinux_next_packet(number)
        let room = min(max(size, 1), PacketSocket.largestPacket)
        let packet = unsafe [UInt8](unsafeUninitializedCapacity: room) { buffer, count in
            // SAFETY: the buffer has the room that is given; only what came is counted.
            let length = fallible("packet.receive", [.noMemory, .interrupted]) {
                unsafe clinux_receive(number, buffer.baseAddress, buffer.count)
            }
            failure = length < 0 ? errno : length > buffer.count ? EMSGSIZE : 0
            count = failure == 0 ? length : 0
        }
        if failure == 0 {
            failpoint("packet.received")
            return packet
        }
        // Without memory for it the packet stays where it is, and is taken the next time.
        if [EAGAIN, EINTR, ENOMEM].contains(failure) { return nil }
        throw SystemCallFailure(call: "recv", subject: "packet", errno: failure)
    }
}
