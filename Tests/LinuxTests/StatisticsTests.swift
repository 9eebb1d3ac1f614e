// The files of cgroups and of /proc/<pid>/net/dev, as the kernel writes them.

import Kernel
import Testing

@testable import Linux

@Suite struct StatisticsTests {
    private func read(_ files: [(StatisticsFile, String)]) -> CgroupStatistics {
        var read = CgroupStatistics()
        for (file, content) in files { file.take(Array(content.utf8)[...], into: &read) }
        return read
    }

    /// The statistics that are not `nil`.
    private func known(_ read: CgroupStatistics) -> [CgroupStatistic: UInt64] {
        var known: [CgroupStatistic: UInt64] = [:]
        for statistic in CgroupStatistic.allCases { known[statistic] = read[statistic] }
        return known
    }

    @Test("the files of cgroup v1")
    func v1() {
        let read = read([
            (.usage, "1234567890\n"), (.userAndSystem, "user 70\nsystem 53\n"),
            (.throttling, "nr_periods 9\nnr_throttled 4\nthrottled_time 5000\nnr_bursts 0\n"),
            (.memoryUsage, "1000000\n"),
            (
                .memoryParts,
                """
                cache 1
                rss 2
                inactive_file 3
                total_cache 400000
                total_rss 300000
                total_mapped_file 2000
                total_inactive_file 150000
                """
            ),
            (.limitHits, "7\n"), (.outOfMemory, "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n"),
            (.pids, "5\n"),
            (.bytes, "254:0 Read 4096\n254:0 Write 8192\n254:0 Sync 0\n254:0 Total 12288\n"),
            (.requests, "254:0 Read 1\n254:0 Write 2\n7:1 Read 3\nTotal 6\n"),
        ])
        #expect(
            known(read) == [
                .cpuUsage: 1_234_567_890, .cpuUser: 700_000_000, .cpuSystem: 530_000_000,
                .cpuPeriods: 9, .cpuThrottledPeriods: 4, .cpuThrottled: 5000,
                .memoryUsage: 1_000_000, .memoryWorkingSet: 850_000, .memoryFile: 400_000,
                .memoryAnonymous: 300_000, .memoryMapped: 2000, .memoryLimitHits: 7,
                .memoryOOMKills: 2, .pids: 5,
            ])
        var first = DeviceStatistics(device: "254:0")
        (first.read, first.written, first.reads, first.writes) = (4096, 8192, 1, 2)
        var second = DeviceStatistics(device: "7:1")
        second.reads = 3
        #expect(read.devices == [first, second])
    }

    @Test("the files of cgroup v2")
    func v2() {
        let read = read([
            (
                .cpu,
                """
                usage_usec 1234
                user_usec 1000
                system_usec 234
                nr_periods 9
                nr_throttled 4
                throttled_usec 5
                """
            ),
            (.memoryCurrent, "1000\n"),
            (.memory, "anon 300\nfile 400\nkernel 5\nfile_mapped 20\ninactive_file 2000\n"),
            (.memoryEvents, "low 0\nhigh 0\nmax 7\noom 3\noom_kill 2\noom_group_kill 0\n"),
            (.io, "254:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=0 dios=0\n8:0 \n"),
            (.pidsCurrent, "5\n"),
            (.cpuPressure, "some avg10=0.00 avg60=0.00 avg300=0.00 total=31\n"),
            (
                .memoryPressure,
                """
                some avg10=0.00 avg60=0.00 avg300=0.00 total=32
                full avg10=0.00 avg60=0.00 avg300=0.00 total=33
                """
            ),
        ])
        #expect(
            known(read) == [
                .cpuUsage: 1_234_000, .cpuUser: 1_000_000, .cpuSystem: 234_000, .cpuPeriods: 9,
                .cpuThrottledPeriods: 4, .cpuThrottled: 5000, .memoryUsage: 1000,
                .memoryWorkingSet: 0, .memoryAnonymous: 300, .memoryFile: 400,
                .memoryMapped: 20, .memoryLimitHits: 7, .memoryOOMKills: 2, .pids: 5,
                .cpuWaiting: 31, .memoryWaiting: 32, .memoryStalled: 33,
            ])
        var device = DeviceStatistics(device: "254:0")
        (device.read, device.written, device.reads, device.writes) = (4096, 8192, 1, 2)
        #expect(read.devices == [device])
    }

    @Test(
        "what is not such a file tells nothing",
        arguments: ["", "\n", " ", "max\n", "1 2 3", "a b\n", "99999999999999999999999\n", "-1\n"])
    func other(_ text: String) {
        let read = read(StatisticsFile.allCases.map { ($0, text) })
        #expect(known(read).isEmpty && read.devices.isEmpty, "\(known(read))")
    }

    @Test("each hierarchy has its files, and a hybrid host's unified one only the pressure")
    func hierarchies() {
        func files(_ isUnified: Bool, _ controllers: [String], _ hasCPU: Bool) -> [String] {
            let hierarchy = CgroupHierarchy(
                mountPoint: "/x", isUnified: isUnified, controllers: controllers)
            return StatisticsFile.of(hierarchy, hasCPU: hasCPU).map(\.name)
        }
        #expect(
            files(false, ["cpu", "cpuacct"], true)
                == ["cpuacct.usage", "cpuacct.stat", "cpu.stat"])
        #expect(files(false, ["name=systemd"], true) == [])
        #expect(files(true, [], true) == ["cpu.pressure", "memory.pressure", "io.pressure"])
        #expect(files(true, [], false).contains("memory.current"))
    }

    @Test("the interfaces of a namespace, without loopback and with any name")
    func interfaces() {
        let text = """
            Inter-|   Receive                                                |  Transmit
             face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs
                lo: 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9
              eth0: 100 2 3 4 0 0 0 0 500 6 7 8 0 0 0 0
            a:b:1 2 3 4 0 0 0 0 5 6 7 8 0 0 0 0
              cut: 1 2 3
            """
        let read = InterfaceReader.parse(Array(text.utf8))
        #expect(read.map(\.name) == ["eth0", "a:b"])
        #expect(
            read.first?.received
                == InterfaceStatistics.Direction(bytes: 100, packets: 2, errors: 3, dropped: 4))
        #expect(
            read.first?.sent
                == InterfaceStatistics.Direction(bytes: 500, packets: 6, errors: 7, dropped: 8))
    }
}
