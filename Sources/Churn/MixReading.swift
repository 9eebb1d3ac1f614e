// A mix, read from `--spec FILE`: `{"workloads": [{"name": "web", "weight": 3, "tasks": 2}, …]}`.

import JSON

/// The fault of a file, in one line with its place.
package struct MixFault: Error, Equatable, Sendable, CustomStringConvertible {
    package let description: String
}

extension Mix {
    /// Members that a workload omits are taken from `defaults`, the command line's values.
    package static func read(_ bytes: [UInt8], defaults: Workload) throws(MixFault) -> Mix {
        let document: JSONValue
        do { document = try JSONValue.parse(bytes) } catch {
            throw MixFault(description: "is no JSON: \(error.detail)")
        }
        guard let items = document["workloads"]?.elements, !items.isEmpty else {
            throw MixFault(description: "needs 'workloads', an array with a workload in it")
        }
        try refuseUnknown(document, ["workloads"], at: "")
        var workloads: [Workload] = []
        for (index, item) in items.enumerated() {
            workloads.append(try Workload.read(item, defaults, at: "/workloads/\(index)"))
        }
        guard let mix = Mix(workloads) else {
            throw MixFault(description: "has no workload with a weight over 0")
        }
        return mix
    }
}

private let known: Set = [
    "name", "weight", "tasks", "network", "networkName", "publish", "hold", "grace", "args",
    "readOnly", "memory", "exitCode", "exec", "follow", "restart",
]

extension Workload {
    fileprivate static func read(
        _ item: JSONValue, _ defaults: Workload, at place: String
    ) throws(MixFault) -> Workload {
        guard item.members != nil else {
            throw MixFault(description: "\(place) is \(item.kindName), and must be an object")
        }
        try refuseUnknown(item, known, at: place)
        let reader = WorkloadReader(item: item, place: place)
        var workload = defaults
        workload.name = try reader.value("name", "a text") { $0.string } ?? "workload"
        workload.weight = try reader.whole("weight", 0...1_000_000) ?? 1
        workload.tasks = try reader.whole("tasks", 1...32) ?? defaults.tasks
        workload.network = try reader.network() ?? defaults.network
        workload.networkName =
            try reader.value("networkName", "a text") { $0.string } ?? defaults.networkName
        workload.publishes =
            try reader.value("publish", "true or false") { $0.bool } ?? defaults.publishes
        workload.hold = try reader.seconds("hold") ?? defaults.hold
        workload.grace = try reader.seconds("grace") ?? defaults.grace
        let args = try reader.value("args", "an array of texts") { $0.strings }
        workload.args = args ?? defaults.args
        if workload.args.isEmpty { throw reader.fault("args", "an array with a text in it") }
        workload.readOnly = try reader.value("readOnly", "true or false") { $0.bool } ?? false
        workload.memory = try reader.whole("memory", 1 << 20...1 << 50).map(Int64.init)
        workload.exitCode = try reader.whole("exitCode", 0...255).map(Int64.init)
        workload.execs = try reader.whole("exec", 0...10_000) ?? defaults.execs
        workload.follows =
            try reader.value("follow", "true or false") { $0.bool } ?? defaults.follows
        workload.restarts =
            try reader.whole("restart", 0...1_000_000).map(Int64.init) ?? defaults.restarts
        if let fault = workload.contradiction {
            throw MixFault(description: "\(place): \(fault)")
        }
        return workload
    }
}

private struct WorkloadReader {
    let item: JSONValue
    let place: String

    func fault(_ name: String, _ rule: String) -> MixFault {
        MixFault(description: "\(place)/\(name) must be \(rule)")
    }

    func value<Value>(
        _ name: String, _ rule: String, _ read: (JSONValue) -> Value?
    ) throws(MixFault) -> Value? {
        guard let member = item[name] else { return nil }
        guard let value = read(member) else { throw fault(name, rule) }
        return value
    }

    func whole(_ name: String, _ range: ClosedRange<Int>) throws(MixFault) -> Int? {
        let rule = "a whole number from \(range.lowerBound) to \(range.upperBound)"
        return try value(name, rule) { value in
            value.integer.map { Int($0) }.flatMap { range.contains($0) ? $0 : nil }
        }
    }

    func seconds(_ name: String) throws(MixFault) -> Double? {
        try value(name, "a number of seconds from 0 to 86400") { value in
            value.number.flatMap { (0...86400).contains($0) ? $0 : nil }
        }
    }

    func network() throws(MixFault) -> NetworkMode? {
        try value("network", "none, host, bridge or cni") { $0.string.flatMap(NetworkMode.init) }
    }
}

private func refuseUnknown(
    _ value: JSONValue, _ known: Set<String>, at place: String
) throws(MixFault) {
    guard let stranger = value.members?.first(where: { !known.contains($0.name) }) else { return }
    throw MixFault(description: "\(place)/\(stranger.name) is not known")
}
