// Servers and clients in namespaces: each answer of a server is the address of its client.

import Foundation
import Glibc
import Kernel
import Netlink
import Testing

/// Answers each TCP connection and each UDP packet at a port, until the object ends.
final class Server {
    private let process = Process()

    init(_ port: Int, in net: Net, at address: String = "::") throws {
        let output = Foundation.Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/nsenter")
        process.arguments = [
            "--net=/proc/\(getpid())/fd/\(net.descriptor)", "python3", "-c", Server.program,
            address, "\(port)",
        ]
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        try process.run()
        // It tells when it listens.
        guard output.fileHandleForReading.availableData.count > 0 else {
            throw CommandFailed(text: "no server")
        }
    }

    deinit {
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    private static let program = """
        import os, select, socket, sys
        def listening(kind):
            family = socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET
            made = socket.socket(family, kind)
            if family == socket.AF_INET6: made.setsockopt(41, socket.IPV6_V6ONLY, 0)
            made.bind((sys.argv[1], int(sys.argv[2])))
            return made
        tcp, udp = listening(socket.SOCK_STREAM), listening(socket.SOCK_DGRAM)
        tcp.listen()
        os.write(1, b'ready')
        while True:
            for ready in select.select([tcp, udp], [], [])[0]:
                if ready is tcp:
                    client, address = tcp.accept()
                    client.sendall(address[0].replace('::ffff:', '').encode())
                    client.close()
                else:
                    address = udp.recvfrom(9)[1]
                    udp.sendto(address[0].replace('::ffff:', '').encode(), address)
        """
}

extension Net {
    /// What the server at an address answers: the client's address as the server sees it; `nil` if
    /// there is no answer in two seconds.
    func ask(_ address: String, _ port: Int, _ transport: Transport = .tcp) throws -> String? {
        let program = """
            import socket
            made = socket.socket(
                socket.AF_INET6 if ':' in '\(address)' else socket.AF_INET,
                socket.SOCK_\(transport == .tcp ? "STREAM" : "DGRAM"))
            made.settimeout(2)
            try:
                made.connect(('\(address)', \(port)))
                if made.type == socket.SOCK_DGRAM: made.send(b'x')
                print(made.recv(99).decode())
            except OSError: print('none')
            """
        let said = try shell("exec python3 -c \"\(program)\"").trimmingCharacters(in: .newlines)
        return said == "none" ? nil : said
    }
}

extension Net {
    /// Whether a packet of another namespace to 127.0.0.1 arrives here within a second.
    func hears(_ other: Net) throws -> Bool {
        let program = """
            import ctypes, socket
            here = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            here.bind(('127.0.0.1', 9))
            here.settimeout(1)
            other = open('/proc/\(getpid())/fd/\(other.descriptor)')
            assert ctypes.CDLL(None).setns(other.fileno(), 0x40000000) == 0
            there = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            there.sendto(b'x', ('127.0.0.1', 9))
            try: print(here.recvfrom(9)[1][0])
            except OSError: print('none')
            """
        return try shell("exec python3 -c \"\(program)\"") != "none\n"
    }
}

/// A host with a bridge, the table with the bridge's network, and a world behind another link.
struct Neighbourhood {
    let host: Net
    let world: Net
    let bridge: Int32

    init() throws {
        host = try Net()
        world = try Net()
        bridge = try NetlinkTests.bridge(in: host)
        try host.shell(
            """
            echo 1 >/proc/sys/net/ipv4/ip_forward
            echo 1 >/proc/sys/net/ipv6/conf/all/forwarding
            ip link add out type veth peer name in netns /proc/\(getpid())/fd/\(world.descriptor)
            ip addr add 192.0.2.1/24 dev out && ip link set out up
            """)
        try world.shell("ip addr add 192.0.2.2/24 dev in && ip link set in up")
        try world.shell("ip route add 10.88.0.0/16 via 192.0.2.1")
        try host.run {
            let firewall = try NetfilterSocket()
            try firewall.ensure(table())
            try firewall.add(Neighbourhood.network(), to: table())
        }
    }

    private static func network() throws -> [FirewallElement] {
        let (net4, net6, bridge) = (
            try prefix("10.88.0.0/16"), try prefix("fd88::/64"), try name("stb0")
        )
        let contents: [FirewallContent] = [
            .bridge(bridge), .sameBridge(bridge), .subnet(net4), .hairpin(net4), .masquerade(net4),
            .subnet(net6), .hairpin(net6), .masquerade(net6),
        ]
        return try contents.map { try element($0, "n") }
    }

    func with<Result: Sendable>(
        _ body: @escaping @Sendable (borrowing NetfilterSocket) throws -> Result
    ) throws -> Result {
        try host.run {
            let firewall = try NetfilterSocket()
            return try body(firewall)
        }
    }

    func publish(_ contents: [FirewallContent]) throws {
        try with { try $0.add(contents.map { try element($0, "p") }, to: table()) }
    }
}
