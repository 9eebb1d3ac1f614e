// The helper that connects a client to a port of a pod: `staunch-shim forward`.

import EventLoop
package import Host
package import Kernel
import Linux
package import Model
import Synchronization

extension LinuxHost {
    package func forward(
        _ pod: UID, _ shim: ProcessIdentity, port: UInt16, ready: @escaping @Sendable () -> Void
    ) throws(SystemCallFailure) -> any PortForward {
        let words = [
            "staunch-shim", "forward", "\(shim.pid)", "\(shim.startTicks)",
            "\(layout.cgroup(pod))/shim", "\(port)",
        ]
        return try Forwarder(words, path: try shimProgram(), ready: ready)
    }
}

/// The daemon's end of the socket to the helper. The helper outlives the daemon.
final class Forwarder: PortForward {
    private let socket: Mutex<PacketSocket?>
    private let reads = ReadWatch()

    @Loop init(
        _ words: [String], path: String, ready: @escaping @Sendable () -> Void
    ) throws(SystemCallFailure) {
        let ends = try SocketPair(ofPackets: true).release()
        let theirs = OwnedDescriptor(adopting: ends.one)
        let ours = PacketSocket(adopting: OwnedDescriptor(adopting: ends.other))
        let number = ours.descriptor.number
        socket = Mutex(ours)
        let null = try OwnedDescriptor.standardInput([])
        let pid = try Command(words, path: path).spawn(
            descriptors: [theirs.number, null.number, null.number])
        onLoop { _ = await ChildEnd.of(pid) }
        reads.begin(number, keeping: self, ready)
    }

    func outcome() -> PortOutcome? {
        socket.withLock { socket in
            do throws(SystemCallFailure) {
                guard let packet = try socket?.receive() else { return nil }
                switch packet.first {
                case nil: return .refused("the helper has ended")
                case 0: return .connected
                default: return .refused(String(decoding: packet.dropFirst(), as: UTF8.self))
                }
            } catch { return .refused(error.description) }
        }
    }

    func give(_ connection: CInt, early: [UInt8]) {
        socket.withLock { socket in
            ignoring("the helper has gone") { () throws(SystemCallFailure) in
                // Without a first byte, no bytes would be the end of the socket.
                try socket?.send([0] + early, passing: [connection])
            }
            socket = nil
        }
    }

    /// The watch ends with that, and closes it.
    func close() { socket.withLock { $0?.descriptor.shutDown() } }
}
