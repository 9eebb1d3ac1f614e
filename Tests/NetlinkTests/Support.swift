// Network namespaces of the tests' own, each held by a thread, and the programs that look at them.

import CLinux
import Foundation
import Glibc
import Kernel
import Linux
import Netlink
import Synchronization
import Testing

struct CommandFailed: Error { let text: String }

/// A network namespace. It has a thread that works in it, so that no test changes the network of
/// the process. It ends with the object.
final class Net: Sendable {
    /// Open for as long as the object lives.
    let descriptor: CInt
    private let work = Mutex<(@Sendable () -> Void)?>(nil)
    private let wanted = DispatchSemaphore(value: 0)

    init() throws {
        let made = Mutex<CInt>(-1)
        let ready = DispatchSemaphore(value: 0)
        let box = Box()
        let wanted = wanted
        Linux.Thread.start("net") {
            let isAway = clinux_unshare(CInt(CLINUX_NEWNET)) == 0
            let path = "/proc/thread-self/ns/net"
            let file = isAway ? clinuxOpen(path) : -1
            made.withLock { $0 = file }
            ready.signal()
            while file >= 0 {
                wanted.wait()
                guard let net = box.net else { return }
                let next = net.work.withLock { $0.take() }
                next?()
            }
        }
        ready.wait()
        descriptor = made.withLock { $0 }
        guard descriptor >= 0 else { throw CommandFailed(text: "no network namespace") }
        box.net = self
        try run {
            let route = try RouteSocket(); try route.setUpLoopback()
        }
    }

    /// The namespace ends with its thread and this descriptor.
    deinit {
        close(descriptor)
        wanted.signal()
    }

    private final class Box: @unchecked Sendable { weak var net: Net? }

    /// Runs `body` in the namespace; the caller waits.
    func run<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) throws -> Result {
        let result = Mutex<Swift.Result<Result, any Error>?>(nil)
        let done = DispatchSemaphore(value: 0)
        work.withLock {
            $0 = {
                let found = Swift.Result { try body() }
                result.withLock { $0 = found }
                done.signal()
            }
        }
        wanted.signal()
        done.wait()
        guard let found = result.withLock({ $0 }) else { throw CommandFailed(text: "no result") }
        return try found.get()
    }

    /// Runs a program in the namespace. Throws its output if it does not succeed.
    @discardableResult
    func shell(_ line: String) throws -> String {
        let pid = getpid()
        let process = Process()
        let output = Foundation.Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/nsenter")
        process.arguments = ["--net=/proc/\(pid)/fd/\(descriptor)", "sh", "-c", line]
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let said = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        let text = String(decoding: said, as: UTF8.self)
        guard process.terminationStatus == 0 else { throw CommandFailed(text: "\(line): \(text)") }
        return text
    }
}

private func clinuxOpen(_ path: String) -> CInt {
    // SAFETY: the C string lives for the call.
    unsafe clinux_open(path, O_RDONLY | O_CLOEXEC, 0)
}

extension RouteSocket {
    func setUpLoopback() throws { try setUp(1, name("lo"), addresses: [], gateways: []) }
}

func name(_ text: String) throws -> InterfaceName { try #require(InterfaceName(text)) }
func ip(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }
func prefix(_ text: String) throws -> IPPrefix { try #require(IPPrefix(text)) }

/// Returns the `errno` that `body` fails with; 0 if it succeeds.
func errorNumber(_ body: () throws -> Void) -> CInt {
    do { try body() } catch { return (error as? SystemCallFailure)?.errno ?? -1 }
    return 0
}

/// Returns `true` as soon as `condition` is true; `false` if that exceeds the time limit.
func eventually(_ condition: () throws -> Bool) rethrows -> Bool {
    for _ in 0..<1000 {
        if try condition() { return true }
        usleep(10_000)
    }
    return false
}

/// A bridge in a namespace, with one pod's namespace behind it.
func bridge(in net: Net, addresses: [String] = ["10.88.0.1/16", "fd88::1/64"]) throws -> Int32 {
    try net.run {
        let route = try RouteSocket()
        return try route.create(
            NewBridge(
                name: name("stb0"), mac: MACAddress(for: ip("10.88.0.1")), alias: "staunch:net",
                addresses: addresses.map(prefix)))
    }
}

/// A pod's namespace on a bridge of index `bridge`, with the address 10.88.0.`host`.
func pod(_ host: Int, on bridge: Int32, in net: Net) throws -> Net {
    let pod = try Net()
    let inside = pod.descriptor
    try net.run {
        let route = try RouteSocket()
        try route.create(
            NewVeth(
                name: name("st\(host)"), alias: "staunch:\(host)", mtu: 1400,
                peer: .init(
                    namespace: inside, name: name("eth0"), index: 2,
                    mac: MACAddress(for: ip("10.88.0.\(host)")))))
        try route.attach(name("st\(host)"), to: bridge)
    }
    try pod.run {
        let route = try RouteSocket()
        try route.setUp(
            2, name("eth0"),
            addresses: [prefix("10.88.0.\(host)/16"), prefix("fd88::\(host)/64")],
            gateways: [ip("10.88.0.1"), ip("fd88::1")])
    }
    return pod
}

extension NetfilterSocket {
    /// Removes all elements of these sets.
    func remove(of sets: [FirewallSet], from table: FirewallTable) throws {
        try remove(from: table) { () throws(SystemCallFailure) in
            var elements: [ListedElement] = []
            for set in sets { elements += try self.elements(of: set, in: table) }
            return elements
        }
    }

    /// Removes the elements with these contents.
    func remove(_ contents: [FirewallContent], from table: FirewallTable) throws {
        let meant = Set(contents)
        try remove(from: table) { () throws(SystemCallFailure) in
            var elements: [ListedElement] = []
            for set in FirewallSet.allCases {
                elements += try self.elements(of: set, in: table).filter { element in
                    element.content.map(meant.contains) ?? false
                }
            }
            return elements
        }
    }
}
