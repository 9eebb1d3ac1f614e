// What the daemon asks of the helper that reads statistics, and what the helper answers.

package import Kernel

/// What to read.
package struct WireStatisticsRequest: Equatable, Sendable {
    package var cgroups: [CgroupQuery]
    /// Names of interfaces of the host.
    package var interfaces: [String]
    /// Processes in the network namespaces whose interfaces are read.
    package var namespaces: [ProcessIdentity]

    package init(cgroups: [CgroupQuery], interfaces: [String], namespaces: [ProcessIdentity]) {
        self.cgroups = cgroups
        self.interfaces = interfaces
        self.namespaces = namespaces
    }

    /// The version of the document's form.
    private static let version: UInt16 = 1

    package func document() -> [UInt8] {
        var writer = WireWriter()
        writer.put(WireStatisticsRequest.version)
        writer.put(list: cgroups) { writer, cgroup in
            writer.put(cgroup.path)
            writer.put(cgroup.own)
            writer.put(flag: cgroup.hasChildren)
            writer.put(flag: cgroup.hasCPULimit)
            writer.put(flag: cgroup.hasMemoryLimit)
        }
        writer.put(list: interfaces) { writer, name in writer.put(name) }
        writer.put(list: namespaces) { writer, process in
            writer.put(process.pid)
            writer.put(process.startTicks)
        }
        return writer.bytes
    }

    package static func parse(document: [UInt8]) throws(WireFault) -> WireStatisticsRequest {
        var reader = try WireReader(document, version: version)
        let request = WireStatisticsRequest(
            cgroups: try reader.list { (reader: inout WireReader) throws(WireFault) in
                CgroupQuery(
                    path: try reader.text(), own: try reader.text(),
                    hasChildren: try reader.flag(), hasCPULimit: try reader.flag(),
                    hasMemoryLimit: try reader.flag())
            },
            interfaces: try reader.list { (reader: inout WireReader) throws(WireFault) in
                try reader.text()
            },
            namespaces: try reader.list { (reader: inout WireReader) throws(WireFault) in
                ProcessIdentity(pid: try reader.number(), startTicks: try reader.number())
            })
        try reader.end()
        return request
    }
}

/// What was read: as many elements as were asked for, in their order.
package struct WireStatistics: Equatable, Sendable {
    package var cgroups: [CgroupStatistics]
    /// `nil` if there is no such interface. As the host's end sees it.
    package var interfaces: [InterfaceStatistics?]
    /// All interfaces of each namespace except loopback; none if the process has ended.
    package var namespaces: [[InterfaceStatistics]]

    package init(
        cgroups: [CgroupStatistics], interfaces: [InterfaceStatistics?],
        namespaces: [[InterfaceStatistics]]
    ) {
        self.cgroups = cgroups
        self.interfaces = interfaces
        self.namespaces = namespaces
    }

    /// The version of the document's form.
    private static let version: UInt16 = 1

    package func document() -> [UInt8] {
        var writer = WireWriter()
        writer.put(WireStatistics.version)
        writer.put(list: cgroups) { writer, cgroup in writer.put(cgroup) }
        writer.put(list: interfaces) { writer, interface in
            writer.put(optional: interface) { $0.put($1) }
        }
        writer.put(list: namespaces) { writer, all in
            writer.put(list: all) { writer, interface in writer.put(interface) }
        }
        return writer.bytes
    }

    package static func parse(document: [UInt8]) throws(WireFault) -> WireStatistics {
        var reader = try WireReader(document, version: version)
        let read = WireStatistics(
            cgroups: try reader.list { (reader: inout WireReader) throws(WireFault) in
                try reader.cgroupStatistics()
            },
            interfaces: try reader.list { (reader: inout WireReader) throws(WireFault) in
                try reader.optional { (reader: inout WireReader) throws(WireFault) in
                    try reader.interfaceStatistics()
                }
            },
            namespaces: try reader.list { (reader: inout WireReader) throws(WireFault) in
                try reader.list { (reader: inout WireReader) throws(WireFault) in
                    try reader.interfaceStatistics()
                }
            })
        try reader.end()
        return read
    }
}

extension WireWriter {
    fileprivate mutating func put(_ cgroup: CgroupStatistics) {
        let known = CgroupStatistic.allCases.filter { cgroup[$0] != nil }
        put(list: known) { writer, statistic in
            writer.put(statistic.rawValue)
            writer.put(cgroup[statistic] ?? 0)
        }
        put(list: cgroup.devices) { writer, device in
            writer.put(device.device)
            for count in [device.read, device.written, device.reads, device.writes] {
                writer.put(count)
            }
        }
    }

    fileprivate mutating func put(_ interface: InterfaceStatistics) {
        put(interface.name)
        for direction in [interface.received, interface.sent] {
            put(direction.bytes)
            put(direction.packets)
            put(direction.errors)
            put(direction.dropped)
        }
    }
}

extension WireReader {
    fileprivate mutating func cgroupStatistics() throws(WireFault) -> CgroupStatistics {
        var read = CgroupStatistics()
        for _ in 0..<Int(try number(UInt32.self)) {
            let (code, count) = (try byte(), try number(UInt64.self))
            guard let statistic = CgroupStatistic(rawValue: code) else {
                throw WireFault("statistic \(code)")
            }
            read[statistic] = count
        }
        read.devices = try list { (reader: inout WireReader) throws(WireFault) in
            var device = DeviceStatistics(device: try reader.text())
            device.read = try reader.number()
            device.written = try reader.number()
            device.reads = try reader.number()
            device.writes = try reader.number()
            return device
        }
        return read
    }

    fileprivate mutating func interfaceStatistics() throws(WireFault) -> InterfaceStatistics {
        InterfaceStatistics(name: try text(), received: try direction(), sent: try direction())
    }

    private mutating func direction() throws(WireFault) -> InterfaceStatistics.Direction {
        InterfaceStatistics.Direction(
            bytes: try number(), packets: try number(), errors: try number(),
            dropped: try number())
    }
}
