// `/metrics/pods`: what the kernel counts for pods, under the names that cAdvisor has made common
// (https://github.com/google/cadvisor/blob/master/docs/storage/prometheus.md).

import Bytes
import Kernel
import Metrics
import Model

enum PodExposition {
    static func render(_ pods: [PodStatistics]) -> HeapBytes {
        let series = pods.flatMap(Series.of)
        var text = ByteBuilder(capacity: 4096 + series.count * 2048)
        for metric in numbers {
            var isFirst = true
            for series in series {
                guard let value = metric.value(series) else { continue }
                if isFirst { head(metric.name, metric.help, metric.type, &text) }
                isFirst = false
                sample(metric.name, series.labels, value, &text)
            }
        }
        for metric in deviceNumbers {
            head(metric.name, metric.help, "counter", &text)
            for series in series {
                for (labels, device) in series.devices {
                    sample(metric.name, labels, Double(metric.value(device)), &text)
                }
            }
        }
        for way in ways {
            for count in counts {
                let name = "container_network_\(way.name)_\(count.name)_total"
                head(name, "\(count.what) \(way.done).", "counter", &text)
                for series in series {
                    for (labels, interface) in series.interfaces {
                        sample(name, labels, Double(count.value(way.value(interface))), &text)
                    }
                }
            }
        }
        return text.finish()
    }

    private static func head(
        _ name: String, _ help: String, _ type: String, _ text: inout ByteBuilder
    ) {
        text.append(utf8: "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n")
    }

    private static func sample(
        _ name: String, _ labels: [UInt8], _ value: Double, _ text: inout ByteBuilder
    ) {
        text.append(utf8: name)
        text.append("{")
        text.append(labels)
        text.append("} ")
        if let whole = UInt64(exactly: value) {
            text.append(decimal: whole)
        } else {
            text.append(utf8: Exposition.number(value))
        }
        text.append("\n")
    }

    /// One cgroup: a pod's, with an empty label `container`, or a task's.
    private struct Series {
        let labels: [UInt8]
        let counts: CgroupStatistics
        let limits: StatisticsLimits
        let startedAt: Timestamp?
        var log: LogTotals?
        let devices: [(labels: [UInt8], DeviceStatistics)]
        let interfaces: [(labels: [UInt8], InterfaceStatistics)]

        init(
            _ labels: [(name: String, value: String)], _ counts: CgroupStatistics,
            _ limits: StatisticsLimits, startedAt: Timestamp?,
            _ interfaces: [InterfaceStatistics] = []
        ) {
            self.labels = Exposition.labels(labels)
            self.counts = counts
            self.limits = limits
            self.startedAt = startedAt
            devices = counts.devices.map {
                (Exposition.labels(labels + [("device", $0.device)]), $0)
            }
            self.interfaces = interfaces.map {
                (Exposition.labels(labels + [("interface", $0.name)]), $0)
            }
        }

        /// A task without a process has no series, because its cgroup is gone or about to go.
        static func of(_ pod: PodStatistics) -> [Series] {
            let name = pod.pod.name.text
            let whole = Series(
                [("id", "\(pod.pod.uid)"), ("pod", name)], pod.total,
                StatisticsLimits(pod.pod.spec.resources), startedAt: pod.pod.createdAt,
                pod.interfaces)
            return [whole]
                + zip(pod.pod.tasks, pod.tasks).compactMap { task, counts in
                    guard task.state.process != nil else { return nil }
                    var series = Series(
                        [
                            ("id", "\(task.uid)"), ("pod", name),
                            ("container", task.spec.name.text),
                        ], counts, StatisticsLimits(task.spec.resources),
                        startedAt: task.startedAt)
                    series.log = task.log?.totals
                    return series
                }
        }
    }

    private struct Number {
        let name: String
        let help: String
        let type: String
        let value: (Series) -> Double?

        init(
            _ name: String, _ help: String, _ type: String,
            _ value: @escaping (Series) -> Double?
        ) {
            (self.name, self.help, self.type, self.value) = (name, help, type, value)
        }

        /// A statistic, in the unit of which there are `perUnit`.
        init(
            _ name: String, _ help: String, _ type: String,
            _ statistic: CgroupStatistic, perUnit: Double = 1
        ) {
            self.init(name, help, type) { $0.counts[statistic].map { Double($0) / perUnit } }
        }
    }

    private static var numbers: [Number] {
        processor + memory + [
            Number(
                "container_threads", "Processes and threads.", "gauge", .pids),
            Number("container_threads_max", "The limit of processes and threads.", "gauge") {
                $0.limits.pids.map(Double.init)
            },
            Number("container_start_time_seconds", "Unix time of the start.", "gauge") {
                $0.startedAt.map { Double($0.milliseconds) / 1000 }
            },
        ] + pressure + logs
    }

    /// cAdvisor has no names for these.
    private static var logs: [Number] {
        [
            Number("staunch_log_bytes_total", "Output that was read for the log.", "counter") {
                ($0.log?.bytes).map(Double.init)
            },
            Number("staunch_log_lines_total", "Lines of output.", "counter") {
                ($0.log?.lines).map(Double.init)
            },
            Number(
                "staunch_log_dropped_bytes_total", "Output that the log does not have.", "counter"
            ) { ($0.log?.dropped).map(Double.init) },
        ]
    }

    private static var processor: [Number] {
        [
            Number(
                "container_cpu_usage_seconds_total", "Processor time.", "counter", .cpuUsage,
                perUnit: 1e9),
            Number(
                "container_cpu_user_seconds_total", "Processor time of programs.", "counter",
                .cpuUser, perUnit: 1e9),
            Number(
                "container_cpu_system_seconds_total", "Processor time of the kernel.", "counter",
                .cpuSystem, perUnit: 1e9),
            Number(
                "container_cpu_cfs_periods_total", "Periods of the CPU limit.", "counter",
                .cpuPeriods),
            Number(
                "container_cpu_cfs_throttled_periods_total",
                "Periods in which the CPU limit was reached.", "counter", .cpuThrottledPeriods),
            Number(
                "container_cpu_cfs_throttled_seconds_total", "Time for which the CPU limit held.",
                "counter", .cpuThrottled, perUnit: 1e9),
            Number(
                "container_spec_cpu_quota",
                "The CPU limit in microseconds for each container_spec_cpu_period.", "gauge"
            ) { $0.limits.milliCPUs.map { Double($0) * 100 } },
            Number(
                "container_spec_cpu_period", "The period of the CPU limit in microseconds.",
                "gauge"
            ) { $0.limits.milliCPUs.map { _ in 100_000 } },
        ]
    }

    private static var memory: [Number] {
        [
            Number(
                "container_memory_usage_bytes", "Memory with the page cache.", "gauge",
                .memoryUsage),
            Number(
                "container_memory_working_set_bytes",
                "Memory without page cache that was not used for long.", "gauge",
                .memoryWorkingSet),
            Number(
                "container_memory_rss", "Anonymous memory in bytes.", "gauge", .memoryAnonymous),
            Number("container_memory_cache", "Page cache in bytes.", "gauge", .memoryFile),
            Number(
                "container_memory_mapped_file", "Mapped files in bytes.", "gauge",
                .memoryMapped),
            Number(
                "container_memory_failcnt", "How often the memory limit was reached.", "counter",
                .memoryLimitHits),
            Number(
                "container_oom_events_total", "Processes that the out-of-memory killer killed.",
                "counter", .memoryOOMKills),
            Number("container_spec_memory_limit_bytes", "The memory limit.", "gauge") {
                $0.limits.memory.map(Double.init)
            },
        ]
    }

    /// Microseconds.
    private static var pressure: [Number] {
        let resources: [(String, String, CgroupStatistic, CgroupStatistic)] = [
            ("cpu", "a processor", .cpuWaiting, .cpuStalled),
            ("memory", "memory", .memoryWaiting, .memoryStalled),
            ("io", "a disk", .ioWaiting, .ioStalled),
        ]
        return resources.flatMap { name, what, waiting, stalled in
            [
                Number(
                    "container_pressure_\(name)_waiting_seconds_total",
                    "Time in which some process waited for \(what).", "counter", waiting,
                    perUnit: 1e6),
                Number(
                    "container_pressure_\(name)_stalled_seconds_total",
                    "Time in which all processes waited for \(what).", "counter", stalled,
                    perUnit: 1e6),
            ]
        }
    }

    private static var deviceNumbers:
        [(name: String, help: String, value: (DeviceStatistics) -> UInt64)]
    {
        [
            ("container_fs_reads_bytes_total", "Bytes read.", { $0.read }),
            ("container_fs_writes_bytes_total", "Bytes written.", { $0.written }),
            ("container_fs_reads_total", "Reads.", { $0.reads }),
            ("container_fs_writes_total", "Writes.", { $0.writes }),
        ]
    }

    private typealias Direction = InterfaceStatistics.Direction

    private static var ways:
        [(name: String, done: String, value: (InterfaceStatistics) -> Direction)]
    {
        [("receive", "received", { $0.received }), ("transmit", "sent", { $0.sent })]
    }

    private static var counts: [(name: String, what: String, value: (Direction) -> UInt64)] {
        [
            ("bytes", "Bytes", { $0.bytes }), ("packets", "Packets", { $0.packets }),
            ("errors", "Packets with errors", { $0.errors }),
            ("packets_dropped", "Packets dropped and not", { $0.dropped }),
        ]
    }
}
