// The look at the objects of networks, by a helper.

import Bytes
import EventLoop
import Host
import Kernel
import Model
import ShimProtocol
import Synchronization

/// The last look at the objects of networks, and the look in progress.
@Loop final class NetworkLook {
    private var last: [Observation] = []
    private let flight = SingleFlight()
    private nonisolated let found = Mutex<[HostFinding]>([])

    nonisolated init() {}

    /// What the last look found about the host.
    nonisolated var findings: [HostFinding] { found.withLock { $0 } }

    /// Returns the last result. If the look takes too long, the next audit gets the new result.
    func look(_ host: LinuxHost, _ records: any Recorded) async -> [Observation] {
        await flight.run { await self.run(host, records) }
        return last
    }

    private func run(_ host: LinuxHost, _ records: any Recorded) async {
        records.beginLook()
        var output: [UInt8]?
        do throws(SystemCallFailure) {
            let seen = try await Helper.run(
                ["staunch-shim", "network", "list", host.layout.networkMark],
                path: try host.shimProgram())
            if seen.blocker == nil { output = seen.output }
        } catch {}  // no descriptor is free: the next audit looks again
        let known = records.endLook()
        guard let output else { return }
        let seen = SeenNetworks(output)
        last = seen.observations(known)
        let all = HostFindings.all(seen.findings)
        found.withLock { $0 = all }
    }
}

/// What the helper has seen.
struct SeenNetworks {
    /// The names of the objects, by their uids.
    private var names: [WireSeen: [String: String]] = [:]
    private(set) var findings: [(code: String, detail: String)] = []

    /// Reads lines `KIND UID NAME`.
    init(_ output: [UInt8]) {
        for line in String(decoding: output, as: UTF8.self).fields("\n") {
            let words = line.fields(" ", maxSplits: 2, keepingEmpty: true)
            guard words.count == 3, let kind = WireSeen(rawValue: words[0]) else { continue }
            if kind == .finding {
                findings.append((words[1], words[2]))
            } else {
                names[kind, default: [:]][words[1]] = words[2]
            }
        }
    }

    func observations(_ known: Set<UID>) -> [Observation] {
        [
            Observation(.bridges, whole(.bridge, .rules, known), recorded: known),
            Observation(.interfaces, interfaces(known), recorded: known),
            Observation(.ports, names[.port] ?? [:], recorded: known),
        ]
    }

    /// A recorded object that lacks a part is missing, so that it is completed. Of an object
    /// without a record each part counts, so that it is removed.
    private func whole(
        _ one: WireSeen, _ other: WireSeen, _ known: Set<UID>
    ) -> [String: String] {
        let (first, second) = (names[one] ?? [:], names[other] ?? [:])
        return first.merging(second) { name, _ in name }.filter { uid, _ in
            first[uid] != nil && second[uid] != nil || !isRecorded(uid, known)
        }
    }

    private func interfaces(_ known: Set<UID>) -> [String: String] {
        let others = (names[.interfaceWithoutBridge] ?? [:]).filter { !isRecorded($0.key, known) }
        return (names[.interface] ?? [:]).merging(others) { name, _ in name }
    }

    private func isRecorded(_ uid: String, _ known: Set<UID>) -> Bool {
        UID(ours: uid).map(known.contains) ?? false
    }
}
