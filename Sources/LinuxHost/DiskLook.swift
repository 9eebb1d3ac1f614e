// Lists the objects on the disks. A helper does the reading, so a disk that does not answer delays
// only this look.

import Bytes
import Documents
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
        let directories = [settings.dataDirectory, settings.logDirectory]
        records.beginLook()
        var lists: [[String]] = []
        do throws(SystemCallFailure) {
            let seen = try await Helper.run(
                ["staunch-shim", "list", settings.runDirectory, directories[0], "700"]
                    + [directories[1], "750"],
                path: try host.shimProgram())
            lists = DiskLook.lists(seen.output)
        } catch {}  // no descriptor is free: the next audit looks again
        let known = records.endLook()
        if lists.count == 2 {
            last = [
                Observation(.data, DiskLook.named(lists[0], directories[0]), recorded: known),
                Observation(.logs, DiskLook.named(lists[1], directories[1]), recorded: known),
            ]
        }
    }

    private static func named(_ uids: [String], _ directory: String) -> [String: String] {
        var named: [String: String] = [:]
        for uid in uids where UID(ours: uid) != nil { named[uid] = "\(directory)/\(uid)" }
        return named
    }

    /// Parses one line for each directory. The line contains the names in it that are uids.
    private static func lists(_ output: [UInt8]) -> [[String]] {
        let text = String(decoding: output, as: UTF8.self)
        return text.fields("\n", keepingEmpty: true).dropLast().map { $0.fields(" ") }
    }
}
