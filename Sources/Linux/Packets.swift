// Packets over a unix socket (SOCK_SEQPACKET): keeps boundaries, loses nothing, never waits.

import CLinux
import Failpoints
import Glibc
package import Kernel

/// The credentials of a unix socket's peer.
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

    /// Listens as `name` in `directory`; replaces an existing socket file.
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

    /// Does not wait: if the listener's backlog is full, it throws EAGAIN.
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

    /// Returns the next connection; `nil` if there is none, or it was aborted. After EMFILE and the
    /// like, clients keep waiting, and the listener stays readable.
    package borrowing func accept() throws(SystemCallFailure) -> PacketSocket? {
        let number = fallible("socket.accept", .descriptor) { clinux_accept(descriptor.number) }
        if number >= 0 { return PacketSocket(adopting: OwnedDescriptor(adopting: number)) }
        if [EAGAIN, EINTR, ECONNABORTED].contains(errno) { return nil }
        throw SystemCallFailure(call: "accept4", subject: "listener", errno: errno)
    }

    package borrowing func peer() throws(SystemCallFailure) -> PeerCredentials {
        try PeerCredentials(ofSocket: descriptor.number)
    }

    /// Sends the whole packet or nothing; throws EAGAIN if the peer does not read.
    package borrowing func send(_ packet: [UInt8]) throws(SystemCallFailure) {
        // SAFETY: the array's storage lives for the call.
        try checkRetrying("send", "packet") {
            effect("packet.send", [.noMemory, .interrupted]) {
                unsafe clinux_send(descriptor.number, packet, packet.count)
            }
        }
    }

    /// The next packet, empty at the end of the connection; `nil` if there is none now.
    package borrowing func receive() throws(SystemCallFailure) -> [UInt8]? {
        var failure: CInt = 0
        let number = descriptor.number
        // A buffer for the largest packet would be mapped and unmapped for each. This socket has
        // one reader, so the size read now is still right at the receive.
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
        // If memory runs out, the packet stays queued for the next call.
        if [EAGAIN, EINTR, ENOMEM].contains(failure) { return nil }
        throw SystemCallFailure(call: "recv", subject: "packet", errno: failure)
    }
}
