// Owners close their descriptors, and packets keep their boundaries.

import Foundation
import Glibc
import Kernel
import Linux
import Testing

private struct NobodyWaits: Error {}

/// `#expect` and `#require` take only copyable values.
private func accepted(_ listener: borrowing PacketSocket) throws -> PacketSocket {
    guard let server = try listener.accept() else { throw NobodyWaits() }
    return server
}

private func hasCaller(_ listener: borrowing PacketSocket) throws -> Bool {
    switch try listener.accept() {
    case .some: true
    case nil: false
    }
}

private func openDescriptors() throws -> Set<String> {
    Set(try Files.names(in: "/proc/self/fd"))
}

@Suite struct DescriptorTests {
    // In a process of its own, because other tests open and close descriptors elsewhere.
    @Test("a thousand descriptors, pipes and sockets leave none behind")
    func noLeak() async {
        await #expect(processExitsWith: .success) {
            let scratch = try Scratch()
            let directory = try OwnedDescriptor.directory(scratch.path)
            let before = try openDescriptors()
            do {
                let probe = try OwnedDescriptor.opening("/dev/null", O_RDONLY)
                let seen = try openDescriptors().contains("\(probe.number)")
                try #require(seen, "a blind counter proves nothing")
            }
            for _ in 0..<1000 {
                _ = try OwnedDescriptor.opening("/dev/null", O_RDONLY)
                _ = try Linux.Pipe().intoReading()
                _ = try Linux.Pipe().intoWriting()
                _ = try Epoll()
                let listener = try PacketSocket.listening(as: "socket", in: directory)
                let client = try PacketSocket.connected(to: "socket", in: directory)
                let server = try accepted(listener)
                try client.send([1])
                _ = try server.receive()
                _ = try? Files.opening("none", inRoot: scratch.path)
                try Tree.remove("none", in: scratch.path)
                _ = try Files.names(in: scratch.path)
            }
            // The Swift runtime's own descriptors vary by one or two; a leak would be a thousand.
            try #require(openDescriptors().count < before.count + 10)
        }
    }

    @Test("a descriptor that is handed over stays open until its new owner closes it")
    func release() throws {
        let number = try OwnedDescriptor.opening("/dev/null", O_RDONLY).release()
        #expect(fcntl(number, F_GETFD) == FD_CLOEXEC)
        _ = OwnedDescriptor(adopting: number)
    }

    @Test("a pipe returns its bytes, then nothing yet, then its end")
    func pipe() throws {
        let pipe = try Linux.Pipe()
        try pipe.reading.setNonblocking()
        #expect(try pipe.reading.read(limit: 10) == nil)
        #expect(try pipe.writing.write([1, 2, 3][...]) == 3)
        #expect(try pipe.reading.read(limit: 2) == [1, 2])
        #expect(try pipe.reading.read(limit: 2) == [3])
        #expect(try pipe.reading.read(limit: 2) == nil)
        let reading = pipe.intoReading()
        #expect(try reading.read(limit: 2) == [])
    }

    @Test("a write to a full pipe takes no byte, and reports that")
    func fullPipe() throws {
        let pipe = try Linux.Pipe()
        try pipe.writing.setNonblocking()
        let chunk = [UInt8](repeating: 0, count: 4096)
        var taken = 0
        while case let count = try pipe.writing.write(chunk[...]), count > 0 { taken += count }
        #expect(taken >= 4096)
        #expect(try pipe.writing.write(chunk[...]) == 0)
    }

    @Test("a lock has one holder, and is free when the holder is gone")
    func lock() throws {
        let scratch = try Scratch()
        let path = try scratch.file("lock")
        let other = try OwnedDescriptor.opening(path, O_RDWR)
        do {
            let holder = try OwnedDescriptor.opening(path, O_RDWR)
            #expect(try holder.tryLock())
            #expect(try holder.tryLock())
            #expect(try !other.tryLock())
        }
        #expect(try other.tryLock())
    }
}

@Suite struct PacketTests {
    let scratch: Scratch
    init() throws { scratch = try Scratch() }

    private func connect(_ body: (borrowing PacketSocket, borrowing PacketSocket) throws -> Void)
        throws
    {
        let directory = try OwnedDescriptor.directory(scratch.path)
        let listener = try PacketSocket.listening(as: "socket", in: directory)
        let isCalled = try hasCaller(listener)
        #expect(!isCalled)
        let client = try PacketSocket.connected(to: "socket", in: directory)
        let server = try accepted(listener)
        try body(client, server)
    }

    @Test("packets arrive whole and in order, up to the largest")
    func boundaries() throws {
        try connect { client, server in
            let packets = [1, 2, 4096, PacketSocket.largestPacket, 1].map { count in
                (0..<count).map { UInt8(truncatingIfNeeded: $0) }
            }
            for packet in packets {
                try client.send(packet)
                #expect(try server.receive() == packet)
            }
            for packet in packets.prefix(3) { try server.send(packet) }
            for packet in packets.prefix(3) { #expect(try client.receive() == packet) }
        }
    }

    @Test("a packet over the limit is refused whole, and the next packet arrives")
    func tooLarge() throws {
        try connect { client, server in
            try client.send([UInt8](repeating: 1, count: PacketSocket.largestPacket + 1))
            try client.send([2])
            #expect(throws: SystemCallFailure(call: "recv", subject: "packet", errno: EMSGSIZE)) {
                try server.receive()
            }
            #expect(try server.receive() == [2])
        }
    }

    @Test("a sender to a peer that does not read is told so, and no accepted packet is lost")
    func again() throws {
        try connect { client, server in
            #expect(try server.receive() == nil)
            var sent: UInt8 = 0
            var failure: CInt = 0
            while failure == 0, sent < 255 {
                var packet = [UInt8](repeating: 0, count: 50_000)
                packet[0] = sent
                failure = errorNumber { () throws(SystemCallFailure) in try client.send(packet) }
                if failure == 0 { sent += 1 }
            }
            #expect(failure == EAGAIN)
            for number in 0..<sent { #expect(try server.receive()?.first == number) }
            #expect(try server.receive() == nil)
            try client.send([7])
            #expect(try server.receive() == [7])
        }
    }

    @Test("the end of a connection is an empty packet, and sending into it raises no signal")
    func end() throws {
        let directory = try OwnedDescriptor.directory(scratch.path)
        let listener = try PacketSocket.listening(as: "socket", in: directory)
        let client = try PacketSocket.connected(to: "socket", in: directory)
        do {
            let server = try accepted(listener)
            try server.send([1])
        }
        #expect(try client.receive() == [1])
        #expect(try client.receive() == [])
        #expect(errorNumber { () throws(SystemCallFailure) in try client.send([1]) } == EPIPE)
    }

    @Test("the peer is the process that made the connection")
    func peer() throws {
        try connect { _, server in
            let peer = try server.peer()
            #expect(peer.pid == getpid() && peer.uid == getuid() && peer.gid == getgid())
        }
    }

    @Test("a dead owner's socket file is replaced; without a listener a connection is refused")
    func replaced() throws {
        let directory = try OwnedDescriptor.directory(scratch.path)
        func connection() -> CInt {
            errorNumber { () throws(SystemCallFailure) in
                _ = try PacketSocket.connected(to: "socket", in: directory)
            }
        }
        #expect(connection() == ENOENT)
        do { _ = try PacketSocket.listening(as: "socket", in: directory) }
        #expect(connection() == ECONNREFUSED)
        let listener = try PacketSocket.listening(as: "socket", in: directory)
        #expect(connection() == 0)
        let isCalled = try hasCaller(listener)
        #expect(isCalled)
    }

    @Test("a connection to a listener with a full backlog does not block", .timeLimit(.minutes(10)))
    func backlog() throws {
        let directory = try OwnedDescriptor.directory(scratch.path)
        let listener = try PacketSocket.listening(as: "socket", in: directory)
        var failures: Set<CInt> = []
        for _ in 0..<100 {
            failures.insert(
                errorNumber { () throws(SystemCallFailure) in
                    _ = try PacketSocket.connected(to: "socket", in: directory)
                })
        }
        #expect(failures == [0, EAGAIN])
        let isCalled = try hasCaller(listener)
        #expect(isCalled)
    }

    @Test("a socket's directory may be deeper than a socket address is long")
    func longPath() throws {
        let deep = Array(repeating: "twelve-bytes", count: 100).joined(separator: "/")
        let directory = try OwnedDescriptor.directory(try scratch.directory(deep))
        let listener = try PacketSocket.listening(as: "socket", in: directory)
        let client = try PacketSocket.connected(to: "socket", in: directory)
        try client.send([1])
        #expect(try accepted(listener).receive() == [1])
    }
}
