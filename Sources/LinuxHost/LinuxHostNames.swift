// The files that tell a pod's tasks names. They are in the pod's folder of the run directory, so
// the daemon itself writes them. The host's own files are on a disk: a helper reads them (law 4).

import CNI
import EventLoop
import Host
package import Kernel
import Linux
package import Model
import OCI

extension LinuxHost {
    package func writeNames(_ pod: Pod) async throws(SystemCallFailure) {
        let directory = layout.names(pod.uid)
        if try Files.exists("\(directory)/resolv.conf") { return }
        let isOwn = pod.spec.network.isOwn
        let hosts = isOwn ? [] : try await names.hosts.content(self)
        var resolver = try await names.resolver.content(self)
        if isOwn && NameFiles.namesOnlyLoopback(resolver) {
            let direct = try await names.resolved.content(self)
            if !direct.isEmpty { resolver = direct }
        }
        try Files.makeDirectories(directory)
        // Made meanwhile for another task, and mounted. The last one says that all exist.
        if try Files.exists("\(directory)/resolv.conf") { return }
        let contents = [
            NameFiles.hosts(of: pod, host: hosts), NameFiles.hostname(of: pod),
            NameFiles.resolver(of: pod, networks: pod.dnsOfNetworks, host: resolver),
        ]
        for (name, content) in zip(NameFiles.names, contents) {
            try Files.replace("\(directory)/\(name)", content, mode: 0o644, isMasked: false)
        }
    }

    /// The files as mounts of a task.
    func nameFiles(_ pod: UID) -> [BoundFile] {
        NameFiles.names.map {
            BoundFile(target: "/etc/\($0)", source: "\(layout.names(pod))/\($0)")
        }
    }
}

extension Pod {
    /// The resolver in the results of the pod's plugins (CNI). The first result that has a part
    /// counts.
    fileprivate var dnsOfNetworks: DNSSpec {
        var found = DNSSpec()
        for attachment in attachments {
            guard let made = attachment.made, let version = CNIVersion(attachment.version) else {
                continue
            }
            do throws(PluginFailure) {
                let dns = try AddResult.parse(made.result, asked: version).dns
                let searches = dns.searches.isEmpty ? [dns.domain].compactMap(\.self) : dns.searches
                if found.servers.isEmpty {
                    found.servers = dns.nameservers.compactMap { IPAddress($0) }
                }
                if found.searches.isEmpty { found.searches = searches }
                if found.options.isEmpty { found.options = dns.options }
            } catch { continue }  // it could be read when the plugins said it
        }
        return found
    }
}

/// The host's own files of names.
@Loop final class HostNames {
    let hosts = HostFile("/etc/hosts")
    let resolver = HostFile("/etc/resolv.conf")
    /// The servers that systemd-resolved asks, if it is the host's resolver.
    let resolved = HostFile("/run/systemd/resolve/resolv.conf")

    nonisolated init() {}
}

/// A file of the host, as it was a moment ago.
@Loop final class HostFile {
    private let path: String
    private var content: [UInt8]?
    /// CLOCK_BOOTTIME in nanoseconds of the last answer.
    private var seenAt: Int64 = 0
    private let flight = SingleFlight()
    /// The question that was asked last, until its process has ended.
    private weak var question: Question?

    /// Nanoseconds for which an answer counts, so that many creates need one helper.
    private static let validity: Int64 = 2_000_000_000
    /// Nanoseconds that a caller waits.
    private static let patience: Int64 = 10_000_000_000
    /// Milliseconds that a helper has; another one may be faster.
    private static let patienceWithHelper: Int64 = 2000

    nonisolated init(_ path: String) { self.path = path }

    /// Returns the content; nothing if there is no such file. If its disk does not answer, the
    /// former content counts.
    func content(_ host: LinuxHost) async throws(SystemCallFailure) -> [UInt8] {
        if let content, EngineClock.sinceBoot - seenAt < HostFile.validity { return content }
        let end = EngineClock.sinceBoot + HostFile.patience
        repeat {
            await flight.run { await self.look(host) }
            if let content { return content }
        } while EngineClock.sinceBoot < end
        throw SystemCallFailure(call: "read", subject: "\(path), within 10 s", errno: 110)
    }

    private func look(_ host: LinuxHost) async {
        guard let answer = await ask(host) else {
            return await Loop.shared.reactor.pause(milliseconds: 100)
        }
        content = answer
        seenAt = EngineClock.sinceBoot
    }

    /// Returns `nil` if there is no answer now.
    private func ask(_ host: LinuxHost) async -> [UInt8]? {
        // At most one process may be held by the disk.
        if question?.isOpen == true { return nil }
        do throws(SystemCallFailure) {
            let question = try Question(
                ["staunch-shim", "content", path], path: try host.shimProgram(), atMost: 1 << 20)
            self.question = question
            return switch await question.answer(within: HostFile.patienceWithHelper) {
            case .said(let bytes): bytes
            case .failed: []
            case .unanswered, .killed: nil
            }
        } catch { return nil }  // no descriptor is free
    }
}
