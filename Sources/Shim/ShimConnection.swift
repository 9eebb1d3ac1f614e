// The connection to the daemon. A new daemon replaces the old one; without one, the work continues.

import Kernel
import Linux
import ShimProtocol

/// One daemon's connection, and the packets that it has not taken yet.
final class ShimConnection {
    let socket: PacketSocket
    var unsent: [[UInt8]] = []
    /// The version of the daemon's last request.
    var version = ShimVersion.current
    /// The daemon has asked for attempts, so it knows how to be told of them.
    var asksForAttempts = false
    /// The daemon has asked for execs, so it knows how to be told of them.
    var asksForExecs = false
    /// The daemon has asked for the health of tasks, or has given checks, so it knows how to be
    /// told of changes.
    var asksForHealth = false

    init(_ socket: consuming PacketSocket) { self.socket = socket }

    /// The most unsent packets. If more wait for a daemon that does not read, the shim closes the
    /// connection: the daemon asks again.
    static let most = 1024
}

extension Shim {
    func acceptAll() {
        do throws(SystemCallFailure) {
            while let socket = try listener.accept() {
                guard isRoot(socket) else { continue }
                disconnect()
                connect(ShimConnection(socket))
            }
        } catch {
            // No descriptor is left: clients have to wait. The listener is unwatched, so that the
            // loop does not spin.
            epoll.remove(listener.descriptor.number)
            listenLater()
        }
    }

    private func connect(_ made: ShimConnection) {
        do throws(SystemCallFailure) {
            try epoll.add(made.socket.descriptor.number, .readable, tag: Watched.connection.tag)
            connection = made
        } catch {}  // the daemon sees the connection closed, and connects again
    }

    /// Called when that time has come.
    func listenAgain() {
        do throws(SystemCallFailure) {
            try epoll.add(listener.descriptor.number, .readable, tag: Watched.listener.tag)
            listensAgainAt = nil
        } catch { listenLater() }
    }

    private func listenLater() { listensAgainAt = SystemClock.sinceBoot + 100_000_000 }

    private func isRoot(_ socket: borrowing PacketSocket) -> Bool {
        do { return try socket.peer().uid == 0 } catch { return false }
    }

    func disconnect() {
        guard let connection else { return }
        epoll.remove(connection.socket.descriptor.number)
        self.connection = nil
        forgetWhoWaits()
    }

    /// Forgets the old daemon's request ids: the next daemon asks again. The work continues.
    private func forgetWhoWaits() {
        for slot in slots.values {
            slot.job?.waiting = []
            slot.update?.ids = []
            slot.opening?.waiting = []
            slot.openingsDue = []
            slot.output?.forgetOpenings()
            slot.stop?.ids = []
            slot.removals = []
            slot.restarts?.next?.ids = []
        }
        removal?.waiting = []
        partJob?.job.waiting = []
        partsDue = []
        removals = []
    }

    func receiveAll() {
        while let connection {
            do {
                guard var packet = try connection.socket.receiveWithDescriptors() else { return }
                if packet.bytes.isEmpty { return disconnect() }
                receive(packet.bytes, &packet.descriptors)
            } catch { return disconnect() }
        }
    }

    private func receive(_ packet: [UInt8], _ passed: inout PassedDescriptors) {
        do throws(WireFault) {
            let (version, id, request) = try ShimRequest.parse(packet)
            connection?.version = version
            handle(request, id: id, &passed)
        } catch { disconnect() }  // not a daemon that this shim understands
    }

    func send(_ message: ShimMessage) {
        guard let connection else { return }
        connection.unsent.append(message.packet(connection.version))
        if connection.unsent.count > ShimConnection.most { return disconnect() }
        flush()
    }

    /// Tells the daemon of a task's log.
    func tell(_ slot: TaskSlot) {
        guard let connection, connection.version > 1 else { return }
        send(.logged(task: slot.name, slot.logState))
    }

    func flush() {
        guard let connection else { return }
        while let packet = connection.unsent.first {
            do throws(SystemCallFailure) { try connection.socket.send(packet) } catch {
                return error.errno == 11 ? watch(connection, .readable | .writable) : disconnect()
            }
            connection.unsent.removeFirst()
        }
        watch(connection, .readable)
    }

    private func watch(_ connection: ShimConnection, _ interest: Epoll.Interest) {
        ignoring("it is watched already, and the interest of an open descriptor can be set") {
            () throws(SystemCallFailure) in
            try epoll.modify(
                connection.socket.descriptor.number, interest, tag: Watched.connection.tag)
        }
    }
}
