// Questions to network plugins that concern no pod: which versions they support, whether they can
// attach pods, and the removal of what belongs to no pod (GC). Each has a bounded time.

import Bytes
package import CNI
import EventLoop
package import Host
import Kernel
import Linux

extension LinuxHost {
    package func status(
        of network: ConfiguredNetwork, _ plugins: [String]
    ) async -> NetworkStatus {
        let chain: PluginChain
        do throws(SilentPlugin) {
            guard let found = try await newChain(of: network, plugins) else { return .unsupported }
            chain = found
        } catch { return .unanswered(plugin: error.plugin, detail: error.detail) }
        for request in chain.status() {
            guard let plugin = network.plugin(of: request) else { continue }
            let answer = await ask(request, plugin, within: RuntimeWatch.patience)
            if let status = answer.status { return status }
        }
        return chain.canStatus ? .ready : .unsupported
    }

    package func collectGarbage(
        of network: ConfiguredNetwork, _ plugins: [String], keeping valid: [ValidAttachment]
    ) async -> [String]? {
        let chain: PluginChain
        do throws(SilentPlugin) {
            guard let found = try await newChain(of: network, plugins) else { return nil }
            chain = found
        } catch { return ["the plugin '\(error.plugin)': \(error.detail)"] }
        guard chain.canCollectGarbage else { return nil }
        var failures: [String] = []
        for request in chain.collectGarbage(keeping: valid) {
            guard let plugin = network.plugin(of: request) else { continue }
            let answer = await ask(request, plugin, within: LinuxHost.garbagePatience)
            if let why = answer.failure { failures.append("the plugin '\(plugin.type)': \(why)") }
        }
        return failures
    }

    /// Milliseconds for one plugin's GC, which may remove the rests of many pods.
    private static let garbagePatience: Int64 = 60_000

    /// The chain for requests of CNI 1.1, which have no attachment; `nil` if the files or the
    /// plugins only have an older version.
    private func newChain(
        of network: ConfiguredNetwork, _ plugins: [String]
    ) async throws(SilentPlugin) -> PluginChain? {
        guard network.configuration.versions.contains(where: \.hasStatus) else { return nil }
        var supported: [String: [CNIVersion]] = [:]
        for plugin in network.plugins {
            supported[plugin.type] = try await versions(of: plugin)
        }
        do throws(VersionConflict) {
            let version = try network.configuration.chooseVersion(supported: supported)
            return PluginChain(
                configuration: network.configuration, version: version, directories: plugins)
        } catch { return nil }
    }

    /// The versions that a plugin supports. It is asked again when its file is another one.
    private func versions(of plugin: FoundPlugin) async throws(SilentPlugin) -> [CNIVersion] {
        guard let path = plugin.path, let marks = plugin.marks else {
            throw SilentPlugin(plugin: plugin.type, detail: "no directory has the plugin")
        }
        if let known = pluginVersions.of(path, marks) { return known }
        let request = PluginRequest.versions(of: plugin.type)
        switch await ask(request, plugin, within: RuntimeWatch.patience) {
        case .silent(_, let why): throw SilentPlugin(plugin: plugin.type, detail: why)
        case .output(_, let output):
            do throws(PluginFailure) {
                let versions = try output.versions()
                pluginVersions.keep(versions, of: path, marks)
                return versions
            } catch { throw SilentPlugin(plugin: plugin.type, detail: error.detail) }
        }
    }

    /// Runs the plugin in a helper, which is killed after `milliseconds`: no delete depends on the
    /// answer.
    private func ask(
        _ request: PluginRequest, _ plugin: FoundPlugin, within milliseconds: Int64
    ) async -> PluginAnswer {
        guard let path = plugin.path else {
            return .silent(plugin.type, "no directory has the plugin")
        }
        do throws(SystemCallFailure) {
            let question = try Question(
                ["staunch-shim", "plugin", path] + request.environment, path: try shimProgram(),
                input: request.input, atMost: PluginOutput.byteLimit)
            let answer = await question.answer(within: milliseconds)
            if let ended = question.ended {
                return .output(
                    plugin.type,
                    PluginOutput(
                        end: .exited(code: ended.code), stdout: ended.output,
                        stderr: ended.errors))
            }
            switch answer {
            case .unanswered(let why): return .silent(plugin.type, why)
            case .killed: return .silent(plugin.type, "was killed")
            case .said, .failed: return .silent(plugin.type, "gave no answer")
            }
        } catch { return .silent(plugin.type, "\(error)") }
    }
}

/// Why a plugin did not tell its versions.
private struct SilentPlugin: Error {
    let plugin: String
    let detail: String
}

extension ConfiguredNetwork {
    fileprivate func plugin(of request: PluginRequest) -> FoundPlugin? {
        plugins.first { $0.type.isSame(as: request.type) }
    }
}

/// What came of a question to one plugin.
private enum PluginAnswer {
    case output(String, PluginOutput)
    case silent(String, String)

    /// Why a request failed that has no result; `nil` if it succeeded.
    var failure: String? {
        switch status {
        case .notReady(_, let detail)?, .unanswered(_, let detail)?: detail
        case .unsupported?, .ready?, nil: nil
        }
    }

    /// The answer to STATUS; `nil` if the plugin can attach pods.
    var status: NetworkStatus? {
        switch self {
        case .silent(let plugin, let why): return .unanswered(plugin: plugin, detail: why)
        case .output(let plugin, let output):
            do throws(PluginFailure) {
                try output.succeeded()
                return nil
            } catch {
                if case .reported(let error) = error {
                    return .notReady(plugin: plugin, detail: error.detail)
                }
                return .unanswered(plugin: plugin, detail: error.detail)
            }
        }
    }
}
