// Lists the objects on the disks. A helper does the reading, so a disk that does not answer delays
// only this look.

import Bytes
import EventLoop
import Host
import Kernel
import Linux
import Model

/// The last look at the data and the log directory, and the look in progress.
@Loop final class DiskLook {
    private var last: [Observation] = []
    private let flight = SingleFlight()

    nonisolated init() {}

    /// Returns the last result. If the look takes too long, the next audit gets the new result.
    func look(_ host: LinuxHost, _ records: any Recorded) async -> [Observation] {
        await flight.run { await self.run(host, records) }
        return last
    }

    func forget(_ orphan: UID) {
        for index in last.indices {
            last[index].names["\(orphan)"] = nil
            last[index].unrecorded["\(orphan)"] = nil
        }
    }

    /// Decides which objects are unrecorded by the records of the look's own time, not of the
    /// audit's.
    private func run(_ host: LinuxHost, _ records: any Recorded) async {
        let settings = host.layout.settings
        let places = ResourceKind.allCases.compactMap { kind in kind.diskPlace.map { (kind, $0) } }
        records.beginLook()
        var lists: [[String]] = []
        do throws(SystemCallFailure) {
            let seen = try await Helper.run(
                ["staunch-shim", "list", settings.runDirectory]
                    + places.flatMap { _, place in place.words(settings) },
                path: try host.shimProgram())
            lists = DiskLook.lists(seen.output)
        } catch {}  // no descriptor is free: the next audit looks again
        let known = records.endLook()
        guard lists.count == places.count else { return }
        last = zip(places, lists).map { place, list in
            Observation(place.0, place.1.named(list, settings), recorded: known)
        }
    }

    /// Parses one line for each directory. The line contains the names in it that are uids.
    private static func lists(_ output: [UInt8]) -> [[String]] {
        let text = String(decoding: output, as: UTF8.self)
        return text.fields("\n", keepingEmpty: true).dropLast().map { $0.fields(" ") }
    }
}

extension DiskPlace {
    private func directory(_ settings: Settings) -> String {
        switch root {
        case .data: settings.dataDirectory
        case .logs: settings.logDirectory
        case .notes: Layout(settings: settings).notes
        }
    }

    /// The arguments of `ListHelper`. The operators' group may read logs.
    fileprivate func words(_ settings: Settings) -> [String] {
        let mode =
            switch root {
            case .data: "700"
            case .logs: "750"
            case .notes: "600"
            }
        return [directory(settings), mode, path]
    }

    fileprivate func named(_ uids: [String], _ settings: Settings) -> [String: String] {
        var named: [String: String] = [:]
        for uid in uids where UID(ours: uid) != nil {
            let folder = "\(directory(settings))/\(uid)"
            named[uid] = path == "." ? folder : "\(folder)/\(path)"
        }
        return named
    }
}
