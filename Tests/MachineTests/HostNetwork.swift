// A network namespace of a test's own, in place of the host's network. So no test changes the
// network of the machine.

import CLinux
import Census
import Foundation
import Glibc
import Synchronization
import Testing

/// Another process holds the namespace, and ends with the test's process.
final class HostNetwork: Sendable {
    private let holder: Process
    private let input = Pipe()
    /// The program that starts another program in the namespace, and becomes it.
    let launcher: [String]

    /// The loopback is up, and nothing else is there.
    init() throws {
        holder = Process()
        holder.executableURL = URL(fileURLWithPath: "/usr/bin/unshare")
        holder.arguments = ["--net", "sh", "-c", "ip link set lo up && echo up && exec cat"]
        holder.standardInput = input
        let output = Pipe()
        holder.standardOutput = output
        try holder.run()
        launcher = ["/usr/bin/nsenter", "--net=/proc/\(holder.processIdentifier)/ns/net"]
        // The pipe's other end is in the holder alone.
        try output.fileHandleForWriting.close()
        let said = output.fileHandleForReading.availableData
        guard String(decoding: said, as: UTF8.self) == "up\n" else {
            throw Broken("no network namespace: \(String(decoding: said, as: UTF8.self))")
        }
    }

    /// The namespace ends with the last process in it.
    func putAway() {
        kill(holder.processIdentifier, SIGKILL)
        holder.waitUntilExit()
    }

    var pid: Int32 { holder.processIdentifier }

    /// The output of a shell's command in the namespace. Throws if it does not succeed.
    @discardableResult
    func shell(_ line: String) throws -> String {
        let result = try Command.run(launcher + ["sh", "-c", line])
        guard result.status == 0 else { throw Broken("\(line): \(result.output)") }
        return result.output
    }

    /// Whether a shell's command in the namespace succeeds.
    func succeeds(_ line: String) throws -> Bool {
        try Command.run(launcher + ["sh", "-c", line]).status == 0
    }

    /// The reply to an HTTP request from the namespace; `nil` if there is none.
    func get(_ url: String, _ options: String = "") throws -> String? {
        let line = "curl -sS -g --connect-timeout 1 --max-time 3 \(options) '\(url)'"
        let result = try Command.run(launcher + ["sh", "-c", line])
        return result.status == 0
            ? result.output.trimmingCharacters(in: .whitespacesAndNewlines) : nil
    }

    /// A census as a program in the namespace sees the machine.
    func census(_ marks: Census.Marks) -> Census {
        let found = Mutex<Census?>(nil)
        let done = DispatchSemaphore(value: 0)
        let path = "/proc/\(pid)/ns/net"
        Thread.detachNewThread {
            // SAFETY: the C string lives for the call.
            let file = unsafe clinux_open(path, O_RDONLY | O_CLOEXEC, 0)
            if file >= 0, clinux_enter_network(file) == 0 {
                let census = Census(marks)
                found.withLock { $0 = census }
            }
            close(file)
            done.signal()
        }
        done.wait()
        return found.withLock { $0 } ?? Census(names: ["unreadable \(path): no census there"])
    }
}

/// Another host, on a cable to the first one: `addresses.0` is the host's and `addresses.1` is its.
struct OtherHost {
    let network: HostNetwork
    static let (here, there) = ("192.0.2.1", "192.0.2.2")
    static let (here6, there6) = ("2001:db8::1", "2001:db8::2")

    /// The host forwards what the other one sends, as a router does.
    init(beside host: HostNetwork) throws {
        network = try HostNetwork()
        try host.shell(
            """
            ip link add cable type veth peer name cable netns \(network.pid) &&
            ip addr add \(OtherHost.here)/24 dev cable &&
            ip addr add \(OtherHost.here6)/64 dev cable nodad && ip link set cable up &&
            echo 1 > /proc/sys/net/ipv4/conf/cable/forwarding &&
            echo 1 > /proc/sys/net/ipv6/conf/all/forwarding
            """)
        try network.shell(
            """
            ip addr add \(OtherHost.there)/24 dev cable &&
            ip addr add \(OtherHost.there6)/64 dev cable nodad && ip link set cable up
            """)
    }
}

/// A daemon in a network namespace of its own, and perhaps a host beside it.
func withNetwork(
    _ arguments: [String] = [], hasFailpoints: Bool = false,
    sourceLocation: SourceLocation = #_sourceLocation,
    _ body: (HostNetwork, Daemon, Client) throws -> Void
) throws {
    let network = try HostNetwork()
    defer { network.putAway() }
    try withDaemon(
        arguments, hasFailpoints: hasFailpoints, sourceLocation: sourceLocation,
        setUp: { $0.network = network }
    ) { try body(network, $0, $1) }
    // What is left of a network would have been seen by the census.
    #expect(try network.shell("nft list tables") == "", sourceLocation: sourceLocation)
}
