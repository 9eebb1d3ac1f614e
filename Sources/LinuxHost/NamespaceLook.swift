// Finds namespaces of deleted pods that a task of another pod holds by a descriptor. The mounts,
// the shim and all processes are gone, but the kernel keeps a namespace until its last descriptor
// is closed.
//
// The daemon cannot close a descriptor of a task, so the audit names the holder, and the delete
// does not wait for it. The look cannot see a descriptor in a socket's queue, a socket that was
// made in the namespace, or a mount of its file.

import Bytes
import EventLoop
package import Host
package import Kernel
import Linux
package import Model
import ShimProtocol

/// The last look, and the look in progress.
@Loop final class NamespaceLook {
    private var last: [HeldNamespace] = []
    private let flight = SingleFlight()

    nonisolated init() {}

    /// Returns the last result. If the look takes too long, the next audit gets the new result.
    func look(_ host: LinuxHost, _ records: any Recorded) async -> [HeldNamespace] {
        await flight.run { await self.run(host, records) }
        return last
    }

    /// Finds the owner of a namespace by the records of the look's own time, not of the audit's.
    private func run(_ host: LinuxHost, _ records: any Recorded) async {
        let parent = host.layout.settings.cgroupParent
        let mark = host.layout.networkMark + "-"
        records.beginLook()
        var output: [UInt8]?
        do throws(SystemCallFailure) {
            let seen = try await Helper.run(
                ["staunch-shim", "namespaces", parent, mark] + records.shims().map(String.init),
                path: try host.shimProgram())
            if seen.blocker == nil { output = seen.output }
        } catch {}  // no descriptor is free: the next audit looks again
        let known = records.endLook()
        guard let output else { return }
        let owners = records.namespaceOwners()
        last = HeldNamespace.listed(output).compactMap { $0.judged(by: owners, recorded: known) }
    }
}

extension HeldNamespace {
    /// Parses what the helper writes, and skips a line that cannot be read.
    static func listed(_ output: [UInt8]) -> [HeldNamespace] {
        var all: [HeldNamespace] = []
        for line in String(decoding: output, as: UTF8.self).fields("\n") {
            guard let one = HeldNamespace(line: line) else { continue }
            if let last = all.last, last.identity == one.identity {
                let holders = last.holders + one.holders
                all[all.count - 1] = HeldNamespace(
                    identity: one.identity, isInhabited: one.isInhabited, holders: holders)
            } else {
                all.append(one)
            }
        }
        return all
    }

    private init?(line: String) {
        let words = line.fields(" ", maxSplits: 8, keepingEmpty: true)
        guard words.count == 9, let kind = NamespaceIdentity.Kind(rawValue: words[0]),
            let inode = UInt64(words[1]), let made = Int64(words[2]),
            let pid = Int32(words[4]), let descriptor = Int32(words[5])
        else { return nil }
        self.init(
            identity: NamespaceIdentity(kind: kind, inode: inode, made: made),
            isInhabited: words[3].isSame(as: "1"),
            holders: [
                NamespaceHolder(
                    pid: pid, command: words[8], descriptor: descriptor, pod: UID(words[6]),
                    task: Label(words[7]))
            ])
    }
}

extension LinuxHost {
    package func heldNamespaces(_ records: any Recorded) async -> [HeldNamespace] {
        await namespaces.look(self, records)
    }

    package func namespaces(of shim: ProcessIdentity, _ spec: PodSpec) -> [NamespaceIdentity] {
        let kinds = ShimSettings.namespaces(
            ownNetwork: spec.network.isOwn, ownIPC: !spec.hostIPC)
        let files = Namespaces.files(of: shim.pid, kinds)
        // The start time is read last: if it still matches, the pid was not reused meanwhile.
        guard ProcFS.startTicks(of: shim.pid) == shim.startTicks else { return [] }
        return files.compactMap(NamespaceIdentity.init)
    }
}

extension NamespaceIdentity {
    fileprivate init?(_ file: NamespaceFile) {
        guard let kind = Kind(rawValue: file.kind) else { return nil }
        self.init(kind: kind, inode: file.inode, made: file.made)
    }
}
