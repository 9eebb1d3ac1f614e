// Networks of ours on the machine. A helper talks to the kernel, because each change of a network
// waits for one lock of the whole kernel (RTNL), and the removal of an interface waits for RCU.

import Bytes
import EventLoop
package import Host
package import Kernel
import Linux
package import Model
import Netlink
import ShimProtocol

extension LinuxHost {
    package func make(
        _ network: Network, _ pods: [Pod]
    ) async throws(SystemCallFailure) -> Blocker? {
        // A removal that finds no network in the firewall's table removes the table. The helpers
        // lock the run directory, too, because a helper may outlive its daemon.
        await tableTurn.take()
        defer { tableTurn.leave() }
        return try await Helper.run(
            ["staunch-shim", "network", "make", layout.settings.runDirectory],
            path: try shimProgram(), input: layout.network(network, pods).document()
        ).blocker
    }

    package func hasBridge(_ network: UID) -> Bool {
        NetworkInterface.exists(Network.bridge(of: network))
    }

    package func removeNetwork(_ network: UID) async throws(SystemCallFailure) -> Blocker? {
        await tableTurn.take()
        defer { tableTurn.leave() }
        let words = [Network.bridge(of: network), layout.mark(network), layout.networkMark]
        return try await Helper.run(
            ["staunch-shim", "network", "remove", layout.settings.runDirectory] + words,
            path: try shimProgram()
        ).blocker
    }

    package func detach(
        _ pod: UID, _ recorded: Pod?
    ) async throws(SystemCallFailure) -> Blocker? {
        await detachments.detach(pod, layout.detachment(pod, recorded), self)
    }

    package func watchNetworks(_ changed: @escaping @Sendable @Loop () async -> Void) {
        guard let table = FirewallTable(layout.networkMark) else { return }
        onLoop {
            do throws(SystemCallFailure) {
                let events = try FirewallEvents()
                while true {
                    await ChildEnd.readable(events.descriptor.number)
                    if try events.sawRemoval(of: table) { await changed() }
                }
            } catch {}  // without nftables, or without its events, the audits look
        }
    }

    package nonisolated func routes() -> [HostRoute] { Routes.current() }

    package func networkObjects(_ records: any Recorded) async -> [Observation] {
        await networks.look(self, records)
    }
}

/// Pods whose interfaces are to be removed. One helper removes all that wait, because the kernel
/// then waits for RCU once.
@Loop final class Detachments {
    private typealias Waiting = (
        pod: UID, document: WireDetachment, done: CheckedContinuation<Blocker?, Never>
    )
    private var waiting: [Waiting] = []
    private var helpers = 0
    /// The helper that has not taken long yet; others wait for it.
    private var quick: Int?
    private var lastHelper = 0

    /// Milliseconds after which a helper no longer delays the others.
    private static let patience: Int64 = 500
    private static let mostHelpers = 8

    nonisolated init() {}

    func detach(_ pod: UID, _ document: WireDetachment, _ host: LinuxHost) async -> Blocker? {
        await withCheckedContinuation { done in
            waiting.append((pod, document, done))
            runNext(host)
        }
    }

    private func runNext(_ host: LinuxHost) {
        guard !waiting.isEmpty, quick == nil, helpers < Detachments.mostHelpers else { return }
        let batch = waiting
        waiting = []
        helpers += 1
        lastHelper += 1
        let number = lastHelper
        quick = number
        Loop.shared.reactor.after(milliseconds: Detachments.patience) {
            onLoop { self.noLongerQuick(number, host) }
        }
        onLoop {
            await self.run(batch, host)
            self.helpers -= 1
            self.noLongerQuick(number, host)
        }
    }

    private func noLongerQuick(_ number: Int, _ host: LinuxHost) {
        if quick == number { quick = nil }
        runNext(host)
    }

    private func run(_ batch: [Waiting], _ host: LinuxHost) async {
        var blockers: [String: Blocker] = [:]
        var failure: Blocker?
        do throws(SystemCallFailure) {
            let outcome = try await Helper.run(
                ["staunch-shim", "network", "detach", host.layout.networkMark],
                path: try host.shimProgram(),
                input: WireDetachment.document(batch.map(\.document))
            ) { pid in
                for pod in batch { host.helpers[pod.pod] = pid }
            }
            failure = outcome.blocker
            blockers = Detachments.blockers(outcome.output)
        } catch { failure = Blocker("\(error)", errno: error.errnoName) }
        for pod in batch {
            host.helpers[pod.pod] = nil
            pod.done.resume(returning: failure ?? blockers["\(pod.pod)"])
        }
    }

    /// Parses a line `UID ERRNO_NAME text` for each pod of which something is left.
    private static func blockers(_ output: [UInt8]) -> [String: Blocker] {
        var found: [String: Blocker] = [:]
        for line in String(decoding: output, as: UTF8.self).fields("\n") {
            let words = line.fields(" ", maxSplits: 2, keepingEmpty: true)
            guard words.count == 3 else { continue }
            let errno = words[1].isSame(as: "-") ? nil : words[1]
            found[words[0]] = Blocker(words[2], errno: errno)
        }
        return found
    }
}

/// The routes of the main table, which the kernel writes without waiting for anything.
enum Routes {
    static func current() -> [HostRoute] {
        read("/proc/self/net/route", version4) + read("/proc/self/net/ipv6_route", version6)
    }

    private static func read(_ path: String, _ route: ([String]) -> HostRoute?) -> [HostRoute] {
        do {
            let text = try Files.text(path, limit: 1 << 20)
            return text.fields("\n").compactMap { route($0.words()) }
        } catch { return [] }  // without IPv6 there is no such file
    }

    /// proc(5): interface, destination, gateway, flags, …, mask; in the machine's byte order.
    private static func version4(_ words: [String]) -> HostRoute? {
        guard words.count > 7, let destination = UInt32(words[1], radix: 16),
            let mask = UInt32(words[7], radix: 16),
            let prefix = IPPrefix(
                IPAddress(.v4, UInt128(destination.byteSwapped)), length: mask.nonzeroBitCount)
        else { return nil }
        return HostRoute(destination: prefix, interface: words[0])
    }

    /// Destination, length, …, interface. Multicast and link-local routes belong to no network.
    private static func version6(_ words: [String]) -> HostRoute? {
        guard words.count > 9, words[0].utf8.count == 32,
            let high = UInt64(words[0].prefix(16), radix: 16),
            let low = UInt64(words[0].suffix(16), radix: 16),
            let length = Int(words[1], radix: 16), high >> 54 != 0x3fa, high >> 56 != 0xff,
            let prefix = IPPrefix(
                IPAddress(.v6, UInt128(high) << 64 | UInt128(low)), length: length)
        else { return nil }
        return HostRoute(destination: prefix, interface: words[9])
    }
}

extension String {
    /// The parts between blanks and tabs.
    fileprivate func words() -> [String] {
        utf8.split { $0 == 0x20 || $0 == 0x09 }.map { String(decoding: $0, as: UTF8.self) }
    }
}
