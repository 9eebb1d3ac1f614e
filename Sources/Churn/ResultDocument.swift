// A run's figures as JSON, in seconds and bytes.

import Bytes
import JSON

extension RunResult {
    package var document: [UInt8] {
        var writer = JSONWriter(capacity: 1 << 16)
        writer.beginObject()
        writer.member("good", isGood)
        writer.member("cutShort", cutShort)
        writer.object("machine") { writer in
            for item in machine { writer.member(item) }
        }
        writer.object("settings") { writer in
            for item in settings { writer.member(item) }
        }
        writer.list("checks", checks) { writer, check in
            writer.beginObject()
            writer.member("name", check.name)
            writer.member("outcome", check.outcome.rawValue)
            writer.member("seen", check.seen)
            writer.member("details", check.details)
            writer.endObject()
        }
        writer.list("targets", targets) { writer, target in target.write(to: &writer) }
        writer.endObject()
        return writer.finish().bytes + [UInt8(ascii: "\n")]
    }
}

extension TargetResult {
    fileprivate func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("target", target.rawValue)
        writer.number("seconds", seconds)
        writer.member("pods", pods)
        writer.member("failed", failed)
        writer.member("failedByKill", failedByKill)
        writer.member("execs", execs)
        writer.member("execsCut", execsCut)
        writer.member("lines", lines)
        writer.member("attempts", attempts)
        writer.number("podsPerSecond", rate)
        writer.number("cpuPerPod", cpuPerPod)
        writer.object("latencies") { writer in
            for phase in Phase.allCases {
                guard let found = latencies.summary(phase) else { continue }
                writer.key(phase.rawValue)
                found.write(to: &writer)
            }
        }
        writer.list("kills", kills) { writer, kill in kill.write(to: &writer) }
        writer.list("restarts", restarts) { writer, seconds in writer.value(seconds) }
        writer.list("samples", samples) { writer, sample in sample.write(to: &writer) }
        writer.endObject()
    }
}

extension LatencySummary {
    fileprivate func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("count", count)
        writer.number("p50", p50)
        writer.number("p90", p90)
        writer.number("p95", p95)
        writer.number("p99", p99)
        writer.number("max", most)
        writer.list("bars", bars) { writer, bar in
            writer.beginArray()
            writer.value(bar.start)
            writer.value(bar.end)
            writer.value(bar.count)
            writer.endArray()
        }
        writer.endObject()
    }
}

extension Kill {
    fileprivate func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.number("at", at)
        writer.member("victim", victim.rawValue)
        writer.member("pid", Int64(pid))
        writer.member("podUID", podUID.isEmpty ? nil : podUID)
        writer.endObject()
    }
}

extension Sample {
    fileprivate func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.number("at", at)
        writer.member("pods", pods)
        writer.number("daemonStart", daemonStart)
        writer.number("memory", memory)
        writer.number("descriptors", descriptors)
        writer.member("openOperations", openOperations.map { Int64($0) })
        writer.member("shims", shims.count)
        writer.number("shimMemory", shims.count > 0 ? shims.memory : nil)
        writer.number("shimDescriptors", shims.count > 0 ? shims.descriptors : nil)
        writer.object("account") { writer in
            for line in account {
                writer.key(line.kind)
                writer.beginArray()
                writer.value(line.recorded)
                writer.value(line.observed)
                writer.endArray()
            }
        }
        writer.endObject()
    }
}

extension JSONWriter {
    fileprivate mutating func number(_ name: StaticString, _ number: Double?) {
        key(name)
        if let number { value(number) } else { null() }
    }

    fileprivate mutating func member(_ item: (name: String, value: String)) {
        key(item.name)
        value(item.value)
    }
}
