// The removal of a pod from networks of plugins: DEL, and then whatever DEL has left (law 19).

import Bytes
import CNI
import EventLoop
package import Host
import JSON
package import Kernel
import Linux
package import Model
import ShimProtocol

extension LinuxHost {
    package func detach(
        _ attachments: [PodAttachment], of pod: UID, from shim: ProcessIdentity?,
        areDeleted: Bool
    ) async -> PluginDetachment {
        var places: [PluginPlace] = []
        // In one order for all pods, so that no two wait for each other.
        for network in Set(attachments.map(\.network)).sorted() {
            places.append(await pluginGate.enter(network))
        }
        defer { for place in places { place.leave() } }
        let removal: AttachmentRemoval
        do throws(UnusableAttachment) {
            removal = try AttachmentRemoval(attachments, pod, shim, areDeleted, layout.notes)
        } catch { return PluginDetachment(areDeleted: areDeleted, blocker: Blocker(error.detail)) }
        do throws(Failure) {
            let report = try await run(removal.work, for: pod)
            if let blocker = blocker(of: removal, report) {
                return PluginDetachment(areDeleted: false, blocker: blocker)
            }
            let left = try await removeRules(of: removal, report.remains, pod)
            return PluginDetachment(areDeleted: true, blocker: left, hasLooked: true)
        } catch {
            return PluginDetachment(areDeleted: areDeleted, blocker: Blocker(error.detail))
        }
    }

    private func blocker(of removal: AttachmentRemoval, _ report: WirePluginReport) -> Blocker? {
        for (index, chain) in removal.deletes.enumerated() {
            let ends = report.chains.indices.contains(index) ? report.chains[index] : []
            if let blocker = blocker(chain.requests, ends, chain.attachment) { return blocker }
        }
        return nil
    }

    /// Removes rules and chains of the pod, if the helper has seen any.
    private func removeRules(
        of removal: AttachmentRemoval, _ seen: WireRemainsSeen?, _ pod: UID
    ) async throws(Failure) -> Blocker? {
        guard let seen else { return Blocker("the helper has not looked") }
        if seen.tables.isEmpty && !seen.hasOlderTables { return nil }
        for family in IPTablesFamily.allCases {
            let isMarked = seen.tables.contains { $0.begins(with: family.tablePrefix) }
            let blocker = try await removeRules(of: removal, family, pod, isMarked: isMarked)
            if let blocker { return blocker }
        }
        // The plugins of nftables have tables of their own. Another program's rule may name the
        // pod, too, and is not the pod's.
        let ofPlugins = seen.tables.filter { table in
            table.cut(" ").map { $0.after.begins(with: "cni") } ?? false
        }
        if !ofPlugins.isEmpty {
            return Blocker("rules of the pod in \(ofPlugins.joined(separator: ", "))")
        }
        _ = try await run(WirePluginWork(remains: removal.lastRemains), for: pod)
        return nil
    }

    private func removeRules(
        of removal: AttachmentRemoval, _ family: IPTablesFamily, _ pod: UID, isMarked: Bool
    ) async throws(Failure) -> Blocker? {
        guard let saved = try await family.saved(self, pod) else {
            guard isMarked else { return nil }
            return Blocker("rules of the pod, and there is no program \(family.rawValue)-save")
        }
        let rules = RuleRemoval(of: "\(pod)", networks: removal.networks, in: saved)
        guard let input = rules.input else { return nil }
        if let blocker = try await family.restore(input, self, pod) { return blocker }
        guard let again = try await family.saved(self, pod) else { return nil }
        let left = RuleRemoval(of: "\(pod)", networks: removal.networks, in: again)
        if left.isEmpty { return nil }
        return Blocker("\(left.rules.count + left.chains.count) rules and chains are still there")
    }
}

/// What is asked of the helper.
private struct AttachmentRemoval {
    typealias Delete = (attachment: PodAttachment, requests: [PluginRequest])

    let deletes: [Delete]
    let networks: [String]
    let work: WirePluginWork
    /// A remains that removes the note, once the rules were seen to be gone.
    let lastRemains: WireRemains

    init(
        _ attachments: [PodAttachment], _ pod: UID, _ shim: ProcessIdentity?, _ areDeleted: Bool,
        _ notes: String
    ) throws(UnusableAttachment) {
        let begun = attachments.filter { $0.shim != nil }
        var chains: [AttachedChain] = []
        for attachment in begun.reversed() {
            let namespace = attachment.shim == shim ? attachment.namespace : nil
            chains.append(try AttachedChain(attachment, of: pod, namespace: namespace))
        }
        deletes =
            areDeleted
            ? [] : chains.map { ($0.attachment, $0.chain.delete($0.asked, result: $0.result)) }
        let networks = begun.map(\.network)
        let uid = "\(pod)"
        let note = WireNote(directory: notes, name: uid)
        let marks = [uid] + networks.flatMap { chainNames(network: $0, containerID: uid) }
        self.networks = networks
        lastRemains = WireRemains(uid: uid, marks: [], note: note)
        work = WirePluginWork(
            shim: chains.contains { $0.asked.namespace != nil } ? shim.map(WireProcess.init) : nil,
            chains: deletes.map { delete in
                WireChain(delete.requests.map { $0.program(for: delete.attachment) })
            },
            remains: WireRemains(
                uid: uid, marks: marks, links: chains.compactMap(\.link),
                folders: chains.flatMap(\.addressFolders), note: note))
    }
}

/// The programs that list and remove the rules of one family, whatever their version writes into.
private enum IPTablesFamily: String, CaseIterable {
    case v4 = "iptables"
    case v6 = "ip6tables"

    /// As `MarkedTable` names the tables of the family.
    var tablePrefix: String { self == .v4 ? "ip " : "ip6 " }

    private static let directories = [
        "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin",
    ]
    /// The bytes of a list that are read.
    private static let limit = 14 << 20

    /// `nil` if the host does not have the program, so that no plugin can have used it.
    @Loop func saved(_ host: LinuxHost, _ pod: UID) async throws(Failure) -> IPTablesSave? {
        let end = try await run(rawValue + "-save", [], [], host, pod)
        if case .notStarted(_, errno: 2) = end.end { return nil }
        guard end.end == .exited(0), !end.isCut else {
            throw Failure(.networkFailed, words(end, "\(rawValue)-save"))
        }
        return IPTablesSave(end.output)
    }

    @Loop func restore(
        _ input: [UInt8], _ host: LinuxHost, _ pod: UID
    ) async throws(Failure) -> Blocker? {
        let name = rawValue + "-restore"
        let end = try await run(name, ["--wait", "--noflush"], input, host, pod)
        return end.end == .exited(0) ? nil : Blocker(words(end, name))
    }

    @Loop private func run(
        _ name: String, _ arguments: [String], _ input: [UInt8], _ host: LinuxHost, _ pod: UID
    ) async throws(Failure) -> WireProgramEnd {
        let program = WireProgram(
            name: name, directories: IPTablesFamily.directories, arguments: arguments,
            environment: Command.path, input: input, limit: UInt32(IPTablesFamily.limit))
        let report = try await host.run(
            WirePluginWork(chains: [WireChain([program])]), for: pod)
        guard let end = report.chains.first?.first else {
            throw Failure(.networkFailed, "\(name) was not run")
        }
        return end
    }

    private func words(_ end: WireProgramEnd, _ name: String) -> String {
        if let refusal = end.refusal { return refusal }
        if end.isCut { return "\(name) wrote more than \(IPTablesFamily.limit) bytes" }
        let said = String(decoding: end.errors.prefix(512), as: UTF8.self).upTo("\n")
        return "\(name) failed: \(said)"
    }
}
