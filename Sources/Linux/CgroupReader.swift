// Reads what the kernel counts for cgroups: v1, hybrid and v2. Only for helpers: `memory.stat` may
// wait until the kernel has summed up, and the process changes its working directory.

import Bytes
import Glibc
package import Kernel

package struct CgroupReader: ~Copyable {
    /// The hierarchies with files that are read, each with the files.
    private let sources: [(hierarchy: CgroupHierarchy, files: [StatisticsFile])]
    private var buffer = [UInt8](repeating: 0, count: 64 << 10)

    package init(_ hierarchies: [CgroupHierarchy]) {
        let hasCPU = hierarchies.contains { $0.has("cpuacct") }
        sources = hierarchies.map { ($0, StatisticsFile.of($0, hasCPU: hasCPU)) }
    }

    /// Reads these cgroups, hierarchy by hierarchy. A file that is not there tells nothing.
    package mutating func read(_ cgroups: [CgroupQuery]) -> [CgroupStatistics] {
        var read = cgroups.map { _ in CgroupStatistics() }
        for (hierarchy, files) in sources {
            var place: String?
            for (index, cgroup) in cgroups.enumerated() {
                let telling = files.filter { $0.tells(cgroup) }
                if telling.isEmpty { continue }
                place = enter(cgroup, in: hierarchy, from: place)
                if place == nil { continue }
                for file in telling {
                    guard let count = content(file.name) else { continue }
                    file.take(buffer[..<count], into: &read[index])
                }
            }
        }
        return read
    }

    /// Makes a cgroup the working directory; returns its path, or `nil` if it is not there. A
    /// child of the present one is entered by its name alone, because the kernel looks up each
    /// part of a path.
    private func enter(
        _ cgroup: CgroupQuery, in hierarchy: CgroupHierarchy, from place: String?
    ) -> String? {
        if let place, let name = cgroup.path.after(place + "/"), Files.enter(name) {
            return cgroup.path
        }
        if Files.enter(hierarchy.directory(cgroup.path)) { return cgroup.path }
        if cgroup.own.isSame(as: cgroup.path) { return nil }
        return Files.enter(hierarchy.directory(cgroup.own)) ? cgroup.own : nil
    }

    /// Reads a file of the working directory into the buffer. Such a file is told as a whole by one
    /// read(2).
    private mutating func content(_ name: String) -> Int? {
        do throws(SystemCallFailure) {
            return try OwnedDescriptor.opening(name, O_RDONLY)
                .read(into: &buffer, limit: buffer.count)
        } catch { return nil }
    }
}

/// A file of a cgroup.
enum StatisticsFile: CaseIterable {
    // cpuacct, cpu, memory, pids and blkio of v1
    case usage, userAndSystem, throttling, memoryUsage, memoryParts, limitHits, outOfMemory
    case pids, bytes, requests
    // v2
    case cpu, memoryCurrent, memory, memoryEvents, io, pidsCurrent
    case cpuPressure, memoryPressure, ioPressure

    var name: String {
        switch self {
        case .usage: "cpuacct.usage"
        case .userAndSystem: "cpuacct.stat"
        case .throttling, .cpu: "cpu.stat"
        case .memoryUsage: "memory.usage_in_bytes"
        case .memoryParts, .memory: "memory.stat"
        case .limitHits: "memory.failcnt"
        case .outOfMemory: "memory.oom_control"
        case .pids, .pidsCurrent: "pids.current"
        case .bytes: "blkio.throttle.io_service_bytes_recursive"
        case .requests: "blkio.throttle.io_serviced_recursive"
        case .memoryCurrent: "memory.current"
        case .memoryEvents: "memory.events"
        case .io: "io.stat"
        case .cpuPressure: "cpu.pressure"
        case .memoryPressure: "memory.pressure"
        case .ioPressure: "io.pressure"
        }
    }

    /// The files of a hierarchy. On a hybrid host the unified one has no controllers, but it has
    /// the pressure.
    ///
    /// - Parameter hasCPU: whether a hierarchy of v1 counts the processor time.
    static func of(_ hierarchy: CgroupHierarchy, hasCPU: Bool) -> [StatisticsFile] {
        if hierarchy.isUnified {
            let pressure: [StatisticsFile] = [.cpuPressure, .memoryPressure, .ioPressure]
            let all: [StatisticsFile] = [
                .cpu, .memoryCurrent, .memory, .memoryEvents, .io, .pidsCurrent,
            ]
            return hasCPU ? pressure : all + pressure
        }
        let ofControllers: [(String, [StatisticsFile])] = [
            ("cpuacct", [.usage, .userAndSystem]), ("cpu", [.throttling]),
            ("memory", [.memoryUsage, .memoryParts, .limitHits, .outOfMemory]),
            ("pids", [.pids]), ("blkio", [.bytes, .requests]),
        ]
        return ofControllers.flatMap { controller, files in
            hierarchy.has(controller) ? files : []
        }
    }

    /// Whether the file can tell anything of the cgroup.
    func tells(_ cgroup: CgroupQuery) -> Bool {
        switch self {
        case .throttling: cgroup.hasCPULimit
        case .limitHits: cgroup.hasMemoryLimit
        case .outOfMemory: !cgroup.hasChildren
        case _: true
        }
    }

    /// Parses the file's content.
    func take(_ content: ArraySlice<UInt8>, into read: inout CgroupStatistics) {
        switch self {
        case .usage: read[.cpuUsage] = content.number
        case .memoryUsage, .memoryCurrent: read[.memoryUsage] = content.number
        case .limitHits: read[.memoryLimitHits] = content.number
        case .pids, .pidsCurrent: read[.pids] = content.number
        case .userAndSystem: read.takeTicks(content)
        case .throttling: read.takeThrottling(content, unit: 1)
        case .memoryParts: read.takeMemory(content, .v1)
        case .memory: read.takeMemory(content, .v2)
        case .outOfMemory, .memoryEvents: read.takeEvents(content)
        case .bytes:
            read.takeOfDevices(content) { device, count in
                device.read = count
            } written: { device, count in
                device.written = count
            }
        case .requests:
            read.takeOfDevices(content) { device, count in
                device.reads = count
            } written: { device, count in
                device.writes = count
            }
        case .cpu: read.takeProcessorTime(content)
        case .io: read.takeDevices(content)
        case .cpuPressure: read.takePressure(content, .cpuWaiting, .cpuStalled)
        case .memoryPressure: read.takePressure(content, .memoryWaiting, .memoryStalled)
        case .ioPressure: read.takePressure(content, .ioWaiting, .ioStalled)
        }
    }
}

/// The names of the lines of `memory.stat`.
private struct MemoryNames {
    let anonymous: String
    let file: String
    let mapped: String
    let inactiveFile: String

    /// With all that is below the cgroup.
    static let v1 = MemoryNames(
        anonymous: "total_rss", file: "total_cache", mapped: "total_mapped_file",
        inactiveFile: "total_inactive_file")
    static let v2 = MemoryNames(
        anonymous: "anon", file: "file", mapped: "file_mapped", inactiveFile: "inactive_file")
}

extension CgroupStatistics {
    /// Clock ticks; the kernel has fixed their number for programs at 100 a second.
    fileprivate mutating func takeTicks(_ content: ArraySlice<UInt8>) {
        let nanoseconds: UInt64 = 10_000_000
        content.eachKeyed { key, number in
            if key.isSame(as: "user") { self[.cpuUser] = number &* nanoseconds }
            if key.isSame(as: "system") { self[.cpuSystem] = number &* nanoseconds }
        }
    }

    fileprivate mutating func takeThrottling(_ content: ArraySlice<UInt8>, unit: UInt64) {
        content.eachKeyed { key, number in
            if key.isSame(as: "nr_periods") { self[.cpuPeriods] = number }
            if key.isSame(as: "nr_throttled") { self[.cpuThrottledPeriods] = number }
            if key.isSame(as: "throttled_time") || key.isSame(as: "throttled_usec") {
                self[.cpuThrottled] = number &* unit
            }
        }
    }

    /// Microseconds.
    fileprivate mutating func takeProcessorTime(_ content: ArraySlice<UInt8>) {
        content.eachKeyed { key, number in
            if key.isSame(as: "usage_usec") { self[.cpuUsage] = number &* 1000 }
            if key.isSame(as: "user_usec") { self[.cpuUser] = number &* 1000 }
            if key.isSame(as: "system_usec") { self[.cpuSystem] = number &* 1000 }
        }
        takeThrottling(content, unit: 1000)
    }

    fileprivate mutating func takeMemory(_ content: ArraySlice<UInt8>, _ names: MemoryNames) {
        var inactive: UInt64 = 0
        content.eachKeyed { key, number in
            if key.isSame(as: names.anonymous) { self[.memoryAnonymous] = number }
            if key.isSame(as: names.file) { self[.memoryFile] = number }
            if key.isSame(as: names.mapped) { self[.memoryMapped] = number }
            if key.isSame(as: names.inactiveFile) { inactive = number }
        }
        guard let usage = self[.memoryUsage] else { return }
        // The two were read one after the other.
        self[.memoryWorkingSet] = usage - min(usage, inactive)
    }

    fileprivate mutating func takeEvents(_ content: ArraySlice<UInt8>) {
        content.eachKeyed { key, number in
            if key.isSame(as: "oom_kill") { self[.memoryOOMKills] = number }
            if key.isSame(as: "max") { self[.memoryLimitHits] = number }
        }
    }

    /// Lines `254:0 Read 4096` of v1.
    fileprivate mutating func takeOfDevices(
        _ content: ArraySlice<UInt8>, read: (inout DeviceStatistics, UInt64) -> Void,
        written: (inout DeviceStatistics, UInt64) -> Void
    ) {
        for line in content.lines {
            let words = line.words
            guard words.count == 3, let count = words[2].number else { continue }
            if words[1].isSame(as: "Read") { change(words[0]) { read(&$0, count) } }
            if words[1].isSame(as: "Write") { change(words[0]) { written(&$0, count) } }
        }
    }

    /// Lines `254:0 rbytes=4096 wbytes=0 rios=1 wios=0 …` of v2.
    fileprivate mutating func takeDevices(_ content: ArraySlice<UInt8>) {
        for line in content.lines {
            let words = line.words
            for word in words.dropFirst() {
                guard let sign = word.firstIndex(of: UInt8(ascii: "=")),
                    let count = word[(sign + 1)...].number
                else { continue }
                let key = word[..<sign]
                change(words[0]) { device in
                    if key.isSame(as: "rbytes") { device.read = count }
                    if key.isSame(as: "wbytes") { device.written = count }
                    if key.isSame(as: "rios") { device.reads = count }
                    if key.isSame(as: "wios") { device.writes = count }
                }
            }
        }
    }

    private mutating func change(
        _ number: ArraySlice<UInt8>, _ change: (inout DeviceStatistics) -> Void
    ) {
        if let index = devices.firstIndex(where: { number.isSame(as: $0.device) }) {
            return change(&devices[index])
        }
        var device = DeviceStatistics(device: String(decoding: number, as: UTF8.self))
        change(&device)
        devices.append(device)
    }

    /// Lines `some avg10=0.00 avg60=0.00 avg300=0.00 total=0`; microseconds.
    fileprivate mutating func takePressure(
        _ content: ArraySlice<UInt8>, _ waiting: CgroupStatistic, _ stalled: CgroupStatistic
    ) {
        for line in content.lines {
            let words = line.words
            guard words.count > 1, let last = words.last,
                last.prefix(6).isSame(as: "total="), let total = last.dropFirst(6).number
            else { continue }
            if words[0].isSame(as: "some") { self[waiting] = total }
            if words[0].isSame(as: "full") { self[stalled] = total }
        }
    }
}

extension ArraySlice<UInt8> {
    fileprivate var lines: [ArraySlice<UInt8>] { split(separator: UInt8(ascii: "\n")) }
    fileprivate var words: [ArraySlice<UInt8>] { split(separator: UInt8(ascii: " ")) }

    /// Calls `body` for each line `KEY NUMBER`.
    fileprivate func eachKeyed(_ body: (ArraySlice<UInt8>, UInt64) -> Void) {
        for line in lines {
            guard let space = line.firstIndex(of: UInt8(ascii: " ")),
                let number = line[(space + 1)...].number
            else { continue }
            body(line[..<space], number)
        }
    }

    /// The decimal number at the beginning, which a newline may end; `nil` for any other text.
    fileprivate var number: UInt64? {
        let digits = last == UInt8(ascii: "\n") ? dropLast() : self
        return digits.decimal()
    }

    fileprivate func isSame(as text: String) -> Bool { elementsEqual(text.utf8) }
}
