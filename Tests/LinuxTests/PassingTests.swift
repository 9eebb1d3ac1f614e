// Descriptors that a packet takes along (unix(7), SCM_RIGHTS).

import Foundation
import Glibc
import Kernel
import Linux
import Testing

/// Two connected sockets.
private struct Ends: ~Copyable {
    var client: PacketSocket?
    let server: PacketSocket

    init(_ scratch: Scratch) throws {
        let directory = try OwnedDescriptor.directory(scratch.path)
        let listener = try PacketSocket.listening(as: "socket", in: directory)
        client = try PacketSocket.connected(to: "socket", in: directory)
        guard let server = try listener.accept() else { throw CommandFailed(text: "no client") }
        self.server = server
    }

    func send(_ packet: [UInt8], passing descriptors: [CInt] = []) throws {
        guard client != nil else { throw CommandFailed(text: "hung up") }
        if descriptors.isEmpty {
            try client?.send(packet)
        } else {
            try client?.send(packet, passing: descriptors)
        }
    }

    /// Sends two writing ends of a pipe, of which the caller keeps none. Returns the reading end,
    /// which has reached its end once all copies are closed.
    func sendWriters(_ packet: [UInt8]) throws -> OwnedDescriptor {
        let pipe = try Linux.Pipe()
        try pipe.reading.setNonblocking()
        try send(packet, passing: [pipe.writing.number, pipe.writing.number])
        return pipe.intoReading()
    }
}

@Suite struct PassingTests {
    private let scratch: Scratch
    init() throws { scratch = try Scratch() }

    @Test("passed descriptors are the sender's, in its order, and are closed at an exec")
    func taken() throws {
        let ends = try Ends(scratch)
        let first = try Linux.Pipe()
        let second = try Linux.Pipe()
        try ends.send([7, 8], passing: [first.writing.number, second.writing.number])
        guard var packet = try ends.server.receiveWithDescriptors() else {
            throw CommandFailed(text: "no packet")
        }
        #expect(packet.bytes == [7, 8])
        for (index, pipe) in [first.reading.number, second.reading.number].enumerated() {
            guard let passed = packet.descriptors.next() else {
                throw CommandFailed(text: "\(index) descriptors")
            }
            #expect(fcntl(passed.number, F_GETFD) == FD_CLOEXEC)
            #expect(try passed.write([UInt8(index)][...]) == 1)
            var byte: UInt8 = 9
            #expect(unsafe read(pipe, &byte, 1) == 1)
            #expect(Int(byte) == index)
        }
        let isOver = packet.descriptors.next() == nil
        #expect(isOver)
    }

    @Test("descriptors that nothing takes are closed, also by a plain receive")
    func notTaken() throws {
        let ends = try Ends(scratch)
        let kept = try ends.sendWriters([1])
        do {
            let bytes = try ends.server.receiveWithDescriptors()?.bytes
            #expect(bytes == [1])
        }
        let keptEnd = try kept.read(limit: 1)
        #expect(keptEnd == [])
        let dropped = try ends.sendWriters([2])
        let plain = try ends.server.receive()
        #expect(plain == [2])
        let droppedEnd = try dropped.read(limit: 1)
        #expect(droppedEnd == [])
    }

    @Test("a packet without descriptors has none, and the end of a connection is an empty packet")
    func none() throws {
        var ends = try Ends(scratch)
        try ends.send([3])
        ends.client = nil
        guard var packet = try ends.server.receiveWithDescriptors() else {
            throw CommandFailed(text: "no packet")
        }
        let isEmpty = packet.descriptors.next() == nil
        #expect(packet.bytes == [3] && isEmpty)
        let end = try ends.server.receiveWithDescriptors()?.bytes
        #expect(end == [])
    }

    // In a process of its own, because the limit is the whole process's.
    @Test("without room for all of them none stays open, and the failure is EMFILE")
    func noRoom() async {
        await #expect(processExitsWith: .success) {
            let scratch = try Scratch()
            let ends = try Ends(scratch)
            let reading = try ends.sendWriters([1])
            let highest = try OwnedDescriptor.opening("/dev/null", O_RDONLY).number
            // There is room for one more descriptor.
            var limit = rlimit(rlim_cur: rlim_t(highest) + 1, rlim_max: 4096)
            try #require(unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0)
            let errno = errorNumber { () throws(SystemCallFailure) in
                _ = try ends.server.receiveWithDescriptors()
            }
            // The testing library needs descriptors at the end.
            limit.rlim_cur = 1024
            try #require(unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0)
            try #require(errno == EMFILE)
            try #require(try reading.read(limit: 1) == [])
        }
    }

    /// A reader that looks for the length first, and finds none, must not receive what came since.
    @Test("a packet that comes while the reader looks is received whole")
    func comesMeanwhile() throws {
        let count = 50_000
        let directory = try OwnedDescriptor.directory(scratch.path)
        let listener = try PacketSocket.listening(as: "socket", in: directory)
        let client = try PacketSocket.connected(to: "socket", in: directory)
        guard let server = try listener.accept() else { throw CommandFailed(text: "no client") }
        let packet = [UInt8](0..<64)
        let writer = dup(client.descriptor.number)
        let thread = Foundation.Thread {
            var left = count
            while left > 0 {
                let sent = unsafe send(writer, packet, packet.count, Int32(MSG_DONTWAIT))
                if sent > 0 { left -= 1 }
            }
            close(writer)
        }
        thread.start()
        var received = 0
        while received < count {
            guard let found = try server.receive() else { continue }
            #expect(found == packet)
            guard found == packet else { return }
            received += 1
        }
    }
}
