//  Encodes what the kernel counts for pods and tasks. A number that it does not count here is null.

package import JSON
package import Kernel
package import Model

extension PodStatistics: DocumentEncodable {
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.head(pod.name, pod.uid, pod.state.rawValue, readAt)
        total.writeMembers(to: &writer, StatisticsLimits(pod.spec.resources))
        writer.key("interfaces")
        writer.beginArray()
        for interface in interfaces { interface.write(to: &writer) }
        writer.endArray()
        writer.object("tasks") { writer in
            for task in ofTasks {
                writer.key(task.task.spec.name.text)
                task.write(to: &writer)
            }
        }
        writer.endObject()
    }

    /// What the kernel counts for each task, in the order of their names.
    package var ofTasks: [TaskStatistics] {
        zip(pod.tasks, tasks).map { TaskStatistics(task: $0, readAt: readAt, counts: $1) }
    }
}

/// One reading of a task.
package struct TaskStatistics: DocumentEncodable {
    package let task: PodTask
    package let readAt: Timestamp
    package let counts: CgroupStatistics

    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.head(task.spec.name, task.uid, task.state.name, readAt)
        counts.writeMembers(to: &writer, StatisticsLimits(task.spec.resources))
        writer.endObject()
    }
}

/// All pods in one reply.
package struct PodsStatistics: DocumentEncodable {
    private let pods: [PodStatistics]
    private let revision: UInt64

    package init(_ pods: [PodStatistics], revision: UInt64) {
        self.pods = pods
        self.revision = revision
    }

    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.key("items")
        writer.beginArray()
        for pod in pods { pod.write(to: &writer) }
        writer.endArray()
        writer.member("revision", revision)
        writer.endObject()
    }
}

extension JSONWriter {
    fileprivate mutating func head(
        _ name: Label, _ uid: UID, _ state: String, _ readAt: Timestamp
    ) {
        member("name", name.text)
        member("uid", uid)
        member("state", state)
        member("readAt", readAt)
    }

    fileprivate mutating func count(_ name: StaticString, _ number: UInt64?) {
        key(name)
        if let number { value(number) } else { null() }
    }

    /// Seconds.
    fileprivate mutating func time(_ name: StaticString, _ number: UInt64?, in unit: Double) {
        key(name)
        if let number { value(Double(number) / unit) } else { null() }
    }

    fileprivate mutating func pressure(
        _ name: StaticString, _ waiting: UInt64?, _ stalled: UInt64?
    ) {
        object(name) { writer in
            writer.time("waiting", waiting, in: 1e6)
            writer.time("stalled", stalled, in: 1e6)
        }
    }
}

extension CgroupStatistics {
    fileprivate func writeMembers(to writer: inout JSONWriter, _ limits: StatisticsLimits) {
        writer.object("cpu") { writer in
            writer.time("usage", self[.cpuUsage], in: 1e9)
            writer.time("user", self[.cpuUser], in: 1e9)
            writer.time("system", self[.cpuSystem], in: 1e9)
            writer.key("limit")
            if let limit = limits.milliCPUs {
                writer.value(thousandths: limit)
            } else {
                writer.null()
            }
            writer.count("periods", self[.cpuPeriods])
            writer.count("throttledPeriods", self[.cpuThrottledPeriods])
            writer.time("throttled", self[.cpuThrottled], in: 1e9)
        }
        writer.object("memory") { writer in
            writer.count("usage", self[.memoryUsage])
            writer.count("workingSet", self[.memoryWorkingSet])
            writer.count("anonymous", self[.memoryAnonymous])
            writer.count("file", self[.memoryFile])
            writer.count("mapped", self[.memoryMapped])
            writer.member("limit", limits.memory)
            writer.count("limitHits", self[.memoryLimitHits])
            writer.count("oomKills", self[.memoryOOMKills])
        }
        writer.object("pids") { writer in
            writer.count("current", self[.pids])
            writer.member("limit", limits.pids)
        }
        writer.key("io")
        writer.beginArray()
        for device in devices { device.write(to: &writer) }
        writer.endArray()
        writer.object("pressure") { writer in
            writer.pressure("cpu", self[.cpuWaiting], self[.cpuStalled])
            writer.pressure("memory", self[.memoryWaiting], self[.memoryStalled])
            writer.pressure("io", self[.ioWaiting], self[.ioStalled])
        }
    }
}

extension DeviceStatistics {
    fileprivate func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("device", device)
        writer.member("read", read)
        writer.member("written", written)
        writer.member("reads", reads)
        writer.member("writes", writes)
        writer.endObject()
    }
}

extension InterfaceStatistics {
    fileprivate func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("name", name)
        writer.object("received") { received.writeMembers(to: &$0) }
        writer.object("sent") { sent.writeMembers(to: &$0) }
        writer.endObject()
    }
}

extension InterfaceStatistics.Direction {
    fileprivate func writeMembers(to writer: inout JSONWriter) {
        writer.member("bytes", bytes)
        writer.member("packets", packets)
        writer.member("errors", errors)
        writer.member("dropped", dropped)
    }
}
