// What GET shows of the networks that plugins make: the last look at their files, and the last
// answer of their plugins.

import Bytes
package import CNI
import EventLoop
package import Host
package import Model
import Synchronization

/// A network of a file, or a file with faults.
package struct ConfiguredNetworkView: Sendable {
    package let file: ConfiguredFile
    package let pluginDirectories: [String]
    /// The last answer to STATUS; `nil` if there is none yet.
    package let status: NetworkStatus?
    package let statusAt: Timestamp?
    /// When the question began that has no answer yet.
    package let askingSince: Timestamp?
    /// The number of pods that ask for the network by its name.
    package let pods: Int
}

/// The last look, replaced as a whole.
final class NetworkConfigurations: Sendable {
    struct State {
        /// `nil` until the first look has ended.
        var networks: ConfiguredNetworks?
        /// The answers of the networks' plugins, by the names of the networks.
        var answers: [String: Answer] = [:]
        /// Counts the looks, because an answer to an older look's configuration is no answer.
        var generation = 0
    }

    struct Answer {
        var status: NetworkStatus?
        var at: Timestamp?
        /// On the clock of `EngineClock.uptime`, in milliseconds.
        var answered: Int64?
        var askingSince: Timestamp?
    }

    let state = Mutex(State())
    private let began = EngineClock.uptime

    /// Milliseconds after which a directory that was never read is told.
    private static let patience: Int64 = 10_000
    /// Whether the first look takes long.
    var isSilent: Bool {
        state.withLock { $0.networks == nil }
            && EngineClock.uptime - began > NetworkConfigurations.patience
    }

    /// Milliseconds for which an answer is shown before the plugins are asked again.
    static let freshness: Int64 = 60_000
}

extension Engine {
    /// Follows the directories of network plugins.
    @Loop func followConfigurations() {
        host.watchConfigurations { files in
            let networks = ConfiguredNetworks(files)
            let former = self.configurations.state.withLock { state in
                let former = state.networks
                state.networks = networks
                state.generation += 1
                let names = Set(networks.networks.map(\.configuration.name))
                state.answers = state.answers.filter { names.contains($0.key) }
                return former
            }
            self.tell(networks, former)
            for network in networks.networks { self.askStatus(of: network) }
        }
    }

    /// Logs the faults that the former look did not have.
    private func tell(_ networks: ConfiguredNetworks, _ former: ConfiguredNetworks?) {
        let known = Set(former?.findings ?? [])
        for finding in networks.findings where !known.contains(finding) {
            log.write(.warning, "a network cannot be used", ["why": finding.detail])
        }
    }

    /// Asks the plugins of a network, unless a question is in progress.
    @Loop private func askStatus(of network: ConfiguredNetwork) {
        let name = network.configuration.name
        let plugins = settings.pluginDirectories
        let generation = configurations.state.withLock { state -> Int? in
            guard state.answers[name]?.askingSince == nil else { return nil }
            state.answers[name, default: NetworkConfigurations.Answer()].askingSince =
                EngineClock.now
            return state.generation
        }
        guard let generation else { return }
        onLoop {
            let status = await self.host.status(of: network, plugins)
            let isOld = self.configurations.state.withLock { state in
                let isThere = state.answers[name] != nil
                if isThere {
                    state.answers[name] = NetworkConfigurations.Answer(
                        status: status, at: EngineClock.now, answered: EngineClock.uptime)
                }
                return isThere && state.generation != generation
            }
            let now = self.configurations.state.withLock { $0.networks?.network(name) }
            if isOld, let now, now != network { self.askStatus(of: now) }
        }
    }

    /// The files of the configuration directory in their order. Old answers are renewed in the
    /// background.
    package func configuredNetworks() -> [ConfiguredNetworkView] {
        let (networks, answers) = configurations.state.withLock { ($0.networks, $0.answers) }
        guard let networks else { return [] }
        let now = EngineClock.uptime
        for network in networks.networks {
            let answered = answers[network.configuration.name]?.answered
            if let answered, now - answered >= NetworkConfigurations.freshness {
                onLoop { self.askStatus(of: network) }
            }
        }
        let pods = podsByNetwork()
        return networks.files.map { file in
            let answer = file.network.flatMap { answers[$0.configuration.name] }
            return ConfiguredNetworkView(
                file: file, pluginDirectories: networks.pluginDirectories, status: answer?.status,
                statusAt: answer?.at, askingSince: answer?.askingSince,
                pods: file.network.flatMap { pods[$0.configuration.name] } ?? 0)
        }
    }

    /// The file that defines a network of that name, even if the file has faults.
    package func configuredNetwork(_ name: String) -> ConfiguredNetworkView? {
        configuredNetworks().first { $0.file.isNamed(name) }
    }

    func configuredFile(_ name: String) -> ConfiguredFile? {
        configurations.state.withLock { $0.networks }?.files.first { $0.isNamed(name) }
    }

    private func podsByNetwork() -> [String: Int] {
        registry.state.withLock { state in
            var count: [String: Int] = [:]
            for pod in state.pods.values {
                let wanted = pod.spec.network.cni?.attachments.compactMap(\.network) ?? []
                let names = Set(wanted + pod.attachments.map(\.network))
                for name in names { count[name, default: 0] += 1 }
            }
            return count
        }
    }

    /// What about the host and the network plugins keeps pods from doing what users expect.
    package var findings: [HostFinding] {
        let directory = settings.configurationDirectory
        let silence = HostFinding.configurationsUnread(
            directory: directory,
            why: "\(directory) has not been read since the daemon's start: its disk may hang")
        return info.findings + (configurations.isSilent ? [silence] : [])
            + (configurations.state.withLock { $0.networks }?.findings ?? [])
    }
}

extension ConfiguredNetworks {
    /// The first fault of each file, and the plugins that are missing.
    fileprivate var findings: [HostFinding] {
        let unread = failure.map {
            HostFinding.configurationsUnread(directory: directory, why: $0)
        }
        return [unread].compactMap { $0 } + files.flatMap { findings(of: $0) }
    }

    private func findings(of file: ConfiguredFile) -> [HostFinding] {
        if let fault = file.faults.first {
            return [.configurationRefused(file: fault.file, fault: "\(fault)")]
        }
        return (file.network?.missing ?? []).map {
            .pluginMissing(plugin: $0, file: file.path, directories: pluginDirectories)
        }
    }
}
