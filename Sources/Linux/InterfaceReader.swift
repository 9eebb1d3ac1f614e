// Reads what has passed the interfaces of a network namespace, from /proc/<pid>/net/dev (proc(5)).

import Bytes
package import Kernel

package enum InterfaceReader {
    /// Reads all interfaces except loopback in the namespace of a process; none if it has ended.
    package static func interfaces(of process: ProcessIdentity) -> [InterfaceStatistics] {
        do throws(SystemCallFailure) {
            let text = try Files.read("/proc/\(process.pid)/net/dev", limit: 1 << 20)
            // A later process may have the pid.
            guard ProcFS.startTicks(of: process.pid) == process.startTicks else { return [] }
            return parse(text)
        } catch { return [] }
    }

    /// Parses lines `NAME: ` with eight numbers for each direction, of which the first four are
    /// bytes, packets, errors and dropped packets.
    static func parse(_ text: [UInt8]) -> [InterfaceStatistics] {
        text.split(separator: UInt8(ascii: "\n")).compactMap { line in
            guard let colon = line.lastIndex(of: UInt8(ascii: ":")) else { return nil }
            let name = String(
                decoding: line[..<colon].drop { $0 == UInt8(ascii: " ") }, as: UTF8.self)
            let numbers: [UInt64] = line[(colon + 1)...]
                .split(separator: UInt8(ascii: " ")).compactMap { $0.decimal() }
            guard numbers.count >= 16, !name.isSame(as: "lo") else { return nil }
            return InterfaceStatistics(
                name: name, received: InterfaceStatistics.Direction(numbers[0..<4]),
                sent: InterfaceStatistics.Direction(numbers[8..<12]))
        }
    }
}

extension InterfaceStatistics.Direction {
    /// Bytes, packets, errors and dropped packets.
    fileprivate init(_ numbers: ArraySlice<UInt64>) {
        let first = numbers.startIndex
        self.init(
            bytes: numbers[first], packets: numbers[first + 1], errors: numbers[first + 2],
            dropped: numbers[first + 3])
    }
}
