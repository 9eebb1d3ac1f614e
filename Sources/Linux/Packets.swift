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

    /// Listens as `name` in `directory`; replaces an existing socket file. `forStreams`: for peers
    /// with stream sockets, of whose bytes a receive returns the first one.
    package static func listening(
        as name: String, in directory: borrowing OwnedDescriptor, forStreams: Bool = false
    ) throws(SystemCallFailure) -> PacketSocket {
        // SAFETY: the C string lives for the call.
        let number = effect("socket.listen", [.storage, .descriptor]) {
            unsafe clinux_listen_unix(directory.number, name, forStreams ? 1 : 0, 16)
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

    /// Sends the whole packet or nothing; throws EAGAIN if the peer does not read. The packet takes
    /// copies of at most 8 descriptors along (unix(7), SCM_RIGHTS). The caller keeps its own, and
    /// may close them at once.
    package borrowing func send(
        _ packet: [UInt8], passing descriptors: [CInt] = []
    ) throws(SystemCallFailure) {
        // SAFETY: the arrays' storage lives for the call.
        try checkRetrying("send", "packet") {
            effect("packet.send", [.noMemory, .interrupted]) {
                unsafe clinux_send(
                    descriptor.number, packet, packet.count, descriptors, descriptors.count)
            }
        }
    }

    /// The bytes of the next packet; descriptors that came with it are closed.
    package borrowing func receive() throws(SystemCallFailure) -> [UInt8]? {
        try receiveWithDescriptors()?.bytes
    }

    /// The next packet, empty at the end of the connection; `nil` if there is none now. If the
    /// process has no room for all its descriptors, the packet is lost, and EMFILE is thrown.
    package borrowing func receiveWithDescriptors() throws(SystemCallFailure) -> PassedPacket? {
        var failure: CInt = 0
        var numbers = [CInt](repeating: -1, count: Int(CLINUX_MOST_PASSED))
        var passed = 0
        let number = descriptor.number
        // A buffer for the largest packet would be mapped and unmapped for each. This socket has
        // one reader, so the size read now is still right at the receive. Without a packet there is
        // no size, and a packet that comes after this look would be cut.
        let size = clinux_next_packet(number)
        if size < 0 { return try PacketSocket.nothing(errno) }
        let room = min(max(size, 1), PacketSocket.largestPacket)
        let packet = unsafe [UInt8](unsafeUninitializedCapacity: room) { buffer, count in
            // SAFETY: both buffers have the room that is given; only what came is counted.
            let length = fallible("packet.receive", [.noMemory, .interrupted]) {
                unsafe clinux_receive(number, buffer.baseAddress, buffer.count, &numbers, &passed)
            }
            failure = length < 0 ? errno : length > buffer.count ? EMSGSIZE : 0
            count = failure == 0 ? length : 0
        }
        let descriptors = PassedDescriptors(adopting: Array(numbers.prefix(passed)))
        if failure == 0 {
            failpoint("packet.received")
            return PassedPacket(bytes: packet, descriptors: descriptors)
        }
        return try PacketSocket.nothing(failure)
    }

    /// If memory runs out, the packet stays queued for the next call.
    private static func nothing(_ failure: CInt) throws(SystemCallFailure) -> PassedPacket? {
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
