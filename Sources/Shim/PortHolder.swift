// Who has a port of the host: the processes that have its sockets, for the words of a refusal.

import Bytes
import Kernel
import Linux

/// Looks at /proc, so only for helpers, and only after a refusal.
enum PortHolder {
    /// Describes the processes that have a port of the calling process's network namespace, such as
    /// `pid 811 (nginx)`; `nil` if none is found. `transport` is a number of IP headers.
    static func description(_ transport: UInt8, _ port: UInt16) -> String? {
        let inodes = sockets(transport, port)
        if inodes.isEmpty { return nil }
        let holders = pids().filter { holds($0, inodes) }
        if holders.isEmpty { return nil }
        return holders.prefix(4).map { "pid \($0) (\(command($0)))" }.joined(separator: ", ")
    }

    /// The links in /proc/<pid>/fd of the sockets that are bound to the port.
    private static func sockets(_ transport: UInt8, _ port: UInt16) -> Set<[UInt8]> {
        let name = transport == 17 ? "udp" : "tcp"
        let end = Array(":".utf8) + hexadecimal(port)
        var found: Set<[UInt8]> = []
        for path in ["/proc/self/net/\(name)", "/proc/self/net/\(name)6"] {
            // proc(5): number, local address and port, remote ones, state, …, inode.
            for line in (text(path) ?? "").fields("\n") {
                let words = line.utf8.split(separator: UInt8(ascii: " "))
                guard words.count > 9, words[1].suffix(5).elementsEqual(end) else { continue }
                found.insert(Array("socket:[".utf8) + words[9] + [UInt8(ascii: "]")])
            }
        }
        return found
    }

    /// Four digits in upper case.
    private static func hexadecimal(_ port: UInt16) -> [UInt8] {
        let digits = Array(String(port, radix: 16, uppercase: true).utf8)
        return [UInt8](repeating: UInt8(ascii: "0"), count: 4 - digits.count) + digits
    }

    private static func pids() -> [String] {
        names("/proc").filter { name in name.utf8.allSatisfy { 0x30...0x39 ~= $0 } }
    }

    private static func holds(_ pid: String, _ sockets: Set<[UInt8]>) -> Bool {
        names("/proc/\(pid)/fd").contains { number in
            Files.linkTarget("/proc/\(pid)/fd/\(number)").map(sockets.contains) ?? false
        }
    }

    private static func command(_ pid: String) -> String {
        (text("/proc/\(pid)/comm") ?? "?").fields("\n").first ?? "?"
    }

    /// A process that has ended has no files.
    private static func names(_ path: String) -> [String] {
        do { return try Files.names(in: path) } catch { return [] }
    }

    private static func text(_ path: String) -> String? {
        do { return try Files.text(path, limit: 64 << 20) } catch { return nil }
    }
}
