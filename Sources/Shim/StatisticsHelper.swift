// The helper that reads what the kernel counts for pods. It ends with its answer, so nothing runs
// while no client asks.

import Bytes
import Kernel
import Linux
import Netlink
import ShimProtocol

enum StatisticsHelper {
    /// Reads a request (`WireStatisticsRequest`) from standard input and writes `WireStatistics`.
    static func run() throws(SystemCallFailure) -> CInt {
        let document = try OwnedDescriptor(adopting: 0).readAll(limit: 64 << 20)
        let request: WireStatisticsRequest
        do { request = try WireStatisticsRequest.parse(document: document) } catch {
            throw SystemCallFailure(call: "parse", subject: error.detail, errno: 22)
        }
        var reader = CgroupReader(try Cgroups.hierarchies())
        var names = DeviceNames()
        var cgroups = reader.read(request.cgroups)
        for index in cgroups.indices {
            for place in cgroups[index].devices.indices {
                let number = cgroups[index].devices[place].device
                cgroups[index].devices[place].device = names.name(of: number)
            }
        }
        let answer = WireStatistics(
            cgroups: cgroups, interfaces: try interfaces(request.interfaces),
            namespaces: request.namespaces.map { InterfaceReader.interfaces(of: $0) })
        try OwnedDescriptor(adopting: 1).writeAll(answer.document())
        return 0
    }

    private static func interfaces(
        _ names: [String]
    ) throws(SystemCallFailure) -> [InterfaceStatistics?] {
        if names.isEmpty { return [] }
        return try RouteSocket().statistics(
            of: try names.map { name throws(SystemCallFailure) in try NetworkHelper.name(name) })
    }
}

/// The names of block devices, as sysfs has them.
private struct DeviceNames {
    private var known: [String: String] = [:]

    /// Returns `/dev/vda` for `254:0`; the number itself if the device has no name.
    mutating func name(of number: String) -> String {
        if let name = known[number] { return name }
        let target = Files.linkTarget("/sys/dev/block/\(number)")
        let last = target.flatMap { String(decoding: $0, as: UTF8.self).cutAtLast("/") }?.after
        let name = last.map { "/dev/\($0)" } ?? number
        known[number] = name
        return name
    }
}
