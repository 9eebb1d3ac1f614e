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

    /// Sends the whole packet or nothing, with copies of at most 8 descriptors (unix(7),
    /// SCM_RIGHTS). The caller keeps its own, and may close them at once.
    package borrowing func send(
        _ packet: [UInt8], passing descriptors: [CInt]
    ) throws(SystemCallFailure) {
        // SAFETY: the arrays' storage lives for the call.
        try checkRetrying("sendmsg", "packet") {
            effect("packet.send", [.noMemory, .interrupted]) {
                unsafe clinux_send_with(
                    descriptor.number, packet, packet.count, descriptors, descriptors.count)
            }
        }
    }

    /// Like `receive`, with the descriptors that came with the packet. If the process has no room
    /// for all of them, the packet is lost, and EMFILE is thrown.
    package borrowing func receiveWithDescriptors() throws(SystemCallFailure) -> PassedPacket? {
        let room = min(max(clinux_next_packet(descriptor.number), 1), PacketSocket.largestPacket)
        var bytes = [UInt8](repeating: 0, count: room)
        var numbers = [CInt](repeating: -1, count: Int(CLINUX_MOST_PASSED))
        var passed = 0
        // SAFETY: the arrays have the room that is given, and live for the call.
        let length = fallible("packet.receive", [.noMemory, .interrupted, .descriptor]) {
            unsafe clinux_receive_with(descriptor.number, &bytes, room, &numbers, &passed)
        }
        if length < 0 && [EAGAIN, EINTR, ENOMEM].contains(errno) { return nil }
        try check(length, "recvmsg", "packet")
        let descriptors = PassedDescriptors(adopting: Array(numbers.prefix(passed)))
        guard length <= room else {
            throw SystemCallFailure(call: "recvmsg", subject: "packet", errno: EMSGSIZE)
        }
        return PassedPacket(bytes: Array(bytes.prefix(length)), descriptors: descriptors)
    }

    /// The next packet, empty at the end of the connection; `nil` if there is none now. Descriptors
    /// that came with it are closed.
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

/// A packet, and the descriptors that came with it.
package struct PassedPacket: ~Copyable {
    /// Empty at the end of the connection.
    package let bytes: [UInt8]
    package var descriptors: PassedDescriptors
}

/// Descriptors from a peer, in the peer's order. A descriptor that was not taken is closed at the
/// end of this value's life.
package struct PassedDescriptors: ~Copyable {
    private var numbers: [CInt]

    fileprivate init(adopting numbers: [CInt]) { self.numbers = numbers }

    /// Returns the next descriptor, which the caller then owns; `nil` if there is none left.
    package mutating func next() -> OwnedDescriptor? {
        numbers.isEmpty ? nil : OwnedDescriptor(adopting: numbers.removeFirst())
    }

    deinit { for number in numbers { _ = OwnedDescriptor(adopting: number) } }
}
