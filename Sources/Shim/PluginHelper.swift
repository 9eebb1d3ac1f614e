// The helper that runs CNI's plugins for the daemon, in a cgroup of the pod and in the host's
// namespaces. It reads no JSON: the daemon makes each input, and reads each output.

import Bytes
import Kernel
import Linux
import ShimProtocol

/// - `plugins run`: does the work of the document (`WirePluginWork`) from standard input, and
///   writes a document (`WirePluginReport`).
/// - `plugins read FILE`: writes a note that `plugins run` has written; nothing if there is none.
enum PluginHelper {
    static func run(_ verb: String, _ words: [String]) throws(SystemCallFailure) -> CInt {
        let output = OwnedDescriptor(adopting: 1)
        switch verb {
        case "run" where words.isEmpty:
            let input = try OwnedDescriptor(adopting: 0).readAll(limit: 64 << 20)
            let work: WirePluginWork
            do throws(WireFault) { work = try WirePluginWork.parse(document: input) } catch {
                throw SystemCallFailure(call: "parse", subject: error.detail, errno: 22)
            }
            try output.writeAll(try report(of: work).document())
        case "read" where words.count == 1:
            guard try Files.exists(words[0]) else { return 0 }
            try output.writeAll(try Files.readRegular(words[0], limit: 8 << 20))
        default: throw SystemCallFailure(call: "plugins", subject: verb, errno: 22)
        }
        return 0
    }

    private static func report(
        of work: WirePluginWork
    ) throws(SystemCallFailure) -> WirePluginReport {
        if let note = work.note { try write(note) }
        var report = WirePluginReport()
        for chain in work.chains { report.chains.append(ends(of: chain, work.shim)) }
        let hasSucceeded = zip(work.chains, report.chains).allSatisfy { chain, ends in
            ends.count == chain.programs.count && ends.allSatisfy { $0.end == .exited(0) }
        }
        if hasSucceeded, let remains = work.remains {
            report.remains = try PluginRemains(remains).run()
        }
        return report
    }

    /// Runs the programs up to the first that fails.
    private static func ends(of chain: WireChain, _ shim: WireProcess?) -> [WireProgramEnd] {
        var ends: [WireProgramEnd] = []
        for program in chain.programs {
            let end = lives(shim) ? ProgramRun.end(of: program) : gone
            ends.append(end)
            if end.end != .exited(0) { break }
        }
        return ends
    }

    /// The path `/proc/PID/ns/net` would be that of another process if the shim's pid were used
    /// again.
    private static func lives(_ shim: WireProcess?) -> Bool {
        guard let shim else { return true }
        return ProcFS.startTicks(of: shim.pid) == shim.startTicks
    }

    private static let gone = WireProgramEnd(
        end: .notStarted("the pod's shim, and with it the pod's network, is gone", errno: 3))

    /// Another pod's helper may remove the directory just now, because it was empty.
    private static func write(_ note: WireNote) throws(SystemCallFailure) {
        for _ in 0..<100 {
            try Files.makeDirectories(note.directory, mode: 0o700)
            do {
                return try Files.replace("\(note.directory)/\(note.name)", note.content)
            } catch { if error.errno != 2 { throw error } }  // ENOENT
        }
        throw SystemCallFailure(call: "write", subject: note.directory, errno: 2)
    }
}
