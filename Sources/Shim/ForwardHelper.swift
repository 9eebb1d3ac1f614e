// The helper that connects a client to a port in a pod's network namespace. It outlives the daemon.
// It ends with the connection, with the shim, or with the pod's cgroup, in which it is.

import Kernel
import Linux
import ShimProtocol

/// `forward SHIM TICKS CGROUP PORT`: connects to the port on the loopback addresses, and tells the
/// outcome on the socket that is standard input. The client's connection comes back with the bytes
/// that the client has sent.
enum ForwardHelper {
    /// Milliseconds for a connection to be made.
    private static let patience: CInt = 5000

    static func run(_ words: [String]) throws(SystemCallFailure) -> CInt {
        guard words.count == 4, let shim = Int32(words[0]), let ticks = UInt64(words[1]),
            let port = UInt16(words[3])
        else { throw SystemCallFailure(call: "forward", subject: "", errno: 22) }
        OwnProcess.ignoreBrokenPipes()
        let daemon = PacketSocket(adopting: OwnedDescriptor(adopting: 0))
        do throws(SystemCallFailure) {
            let life = try enter(words[2], ProcessIdentity(pid: shim, startTicks: ticks))
            let target = try connect(to: port)
            try daemon.send([0])
            try forward(daemon, target, life)
        } catch {
            // A daemon that has gone needs no answer.
            do { try daemon.send([1] + Array(error.description.utf8.prefix(1000))) } catch {}
        }
        return 0
    }

    /// Joins the shim's cgroup and network namespace. A cgroup that is gone is not made again.
    private static func enter(
        _ cgroup: String, _ shim: ProcessIdentity
    ) throws(SystemCallFailure) -> PidDescriptor {
        let gone = SystemCallFailure(call: "pidfd_open", subject: "the pod's shim", errno: 3)
        guard let life = PidDescriptor.opening(shim.pid),
            ProcFS.startTicks(of: shim.pid) == shim.startTicks
        else { throw gone }
        try Cgroup(path: cgroup, hierarchies: try Cgroups.hierarchies()).join(creating: false)
        let namespace = try OwnedDescriptor.opening("/proc/\(shim.pid)/ns/net", 0)
        // The file is the shim's if the shim still lives.
        if life.hasEnded() { throw gone }
        try Sandbox.enterNetwork(namespace.number)
        return life
    }

    private static func connect(to port: UInt16) throws(SystemCallFailure) -> OwnedDescriptor {
        do throws(SystemCallFailure) {
            return try connected(to: .loopback4, port)
        } catch {
            do throws(SystemCallFailure) {
                return try connected(to: .loopback6, port)
            } catch {}
            throw error
        }
    }

    private static func connected(
        to address: IPAddress, _ port: UInt16
    ) throws(SystemCallFailure) -> OwnedDescriptor {
        let connection = try LoopbackConnection(to: port, of: address, isReset: false)
        try connection.waitUntilMade(milliseconds: patience)
        return connection.intoSocket()
    }

    private static func forward(
        _ daemon: borrowing PacketSocket, _ target: consuming OwnedDescriptor,
        _ life: borrowing PidDescriptor
    ) throws(SystemCallFailure) {
        let epoll = try Epoll()
        try epoll.add(daemon.descriptor.number, .readable, tag: 0)
        try epoll.add(life.descriptor.number, .readable, tag: 1)
        var client: OwnedDescriptor?
        var early: [UInt8] = []
        while client?.number == nil {
            for event in epoll.wait(milliseconds: -1) where event.tag == 1 { return }
            guard var packet = try daemon.receiveWithDescriptors() else { continue }
            client = packet.descriptors.next()
            early = Array(packet.bytes.dropFirst())
            if client?.number == nil { return }
        }
        epoll.remove(daemon.descriptor.number)
        guard let client = client.take() else { return }
        try Splice(client, target, early: early).run(epoll)
    }
}

/// Carries the bytes of two connections, and the end of each direction.
private final class Splice {
    /// One direction.
    private final class Direction {
        private let from: SharedDescriptor
        private let to: SharedDescriptor
        private var unsent: [UInt8]
        /// Nothing more comes.
        private var isOver = false
        /// The end was passed on, or nothing is taken any more.
        private(set) var isDone = false

        init(from: SharedDescriptor, to: SharedDescriptor, _ unsent: [UInt8] = []) {
            self.from = from
            self.to = to
            self.unsent = unsent
        }

        /// Carries as much as it can in a few turns, so that the other direction has its turns too.
        /// Returns whether there may be more.
        func advance() -> Bool {
            do throws(SystemCallFailure) {
                for _ in 0..<16 where !isDone {
                    if unsent.isEmpty, !isOver {
                        guard let more = try from.descriptor.read(limit: 64 << 10) else {
                            return false
                        }
                        unsent = more
                        isOver = more.isEmpty
                    }
                    if unsent.isEmpty {
                        to.descriptor.finishSending()
                        isDone = true
                        return false
                    }
                    let count = try to.descriptor.write(unsent[...])
                    if count == 0 { return false }
                    unsent.removeFirst(count)
                }
                return !isDone
            } catch {
                from.descriptor.stopReceiving()
                to.descriptor.finishSending()
                isDone = true
                return false
            }
        }
    }

    private let client: SharedDescriptor
    private let target: SharedDescriptor
    private let directions: [Direction]

    init(
        _ client: consuming OwnedDescriptor, _ target: consuming OwnedDescriptor, early: [UInt8]
    ) throws(SystemCallFailure) {
        try client.setNonblocking()
        self.client = SharedDescriptor(client)
        self.target = SharedDescriptor(target)
        directions = [
            Direction(from: self.client, to: self.target, early),
            Direction(from: self.target, to: self.client),
        ]
    }

    /// Runs to the end of both directions. The tag 1 of `epoll` ends it at once.
    func run(_ epoll: borrowing Epoll) throws(SystemCallFailure) {
        // Each change is reported once, since a hang-up would be reported for ever otherwise.
        let all = Epoll.Interest.readable | .writable | .peerFinished | .onChange
        try epoll.add(client.descriptor.number, all, tag: 2)
        try epoll.add(target.descriptor.number, all, tag: 3)
        while true {
            var hasMore = false
            for direction in directions { hasMore = direction.advance() || hasMore }
            if directions.allSatisfy(\.isDone) { return }
            for event in epoll.wait(milliseconds: hasMore ? 0 : -1) where event.tag == 1 {
                return
            }
        }
    }
}
