// Questions to network plugins that change nothing: which versions they support, and whether they
// can attach pods. A plugin that does not answer delays only its own answer.

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
        guard network.configuration.versions.contains(where: \.hasStatus) else {
            return .unsupported
        }
        var supported: [String: [CNIVersion]] = [:]
        for plugin in network.plugins {
            do throws(SilentPlugin) {
                supported[plugin.type] = try await versions(of: plugin)
            } catch {
                return .unanswered(plugin: plugin.type, detail: error.detail)
            }
        }
        let version: CNIVersion
        do throws(VersionConflict) {
            version = try network.configuration.chooseVersion(supported: supported)
        } catch { return .unsupported }
        let chain = PluginChain(
            configuration: network.configuration, version: version, directories: plugins)
        for request in chain.status() {
            guard let plugin = network.plugins.first(where: { $0.type.isSame(as: request.type) })
            else { continue }
            if let status = await ask(request, plugin).status { return status }
        }
        return version.hasStatus ? .ready : .unsupported
    }

    /// The versions that a plugin supports. It is asked again when its file is another one.
    private func versions(of plugin: FoundPlugin) async throws(SilentPlugin) -> [CNIVersion] {
        guard let path = plugin.path, let marks = plugin.marks else {
            throw SilentPlugin(detail: "no directory has the plugin")
        }
        if let known = pluginVersions.of(path, marks) { return known }
        switch await ask(PluginRequest.versions(of: plugin.type), plugin) {
        case .silent(_, let why): throw SilentPlugin(detail: why)
        case .output(_, let output):
            do throws(PluginFailure) {
                let versions = try output.versions()
                pluginVersions.keep(versions, of: path, marks)
                return versions
            } catch { throw SilentPlugin(detail: error.detail) }
        }
    }

    /// Runs the plugin in a helper. Its time is bounded, because the answer only informs.
    private func ask(_ request: PluginRequest, _ plugin: FoundPlugin) async -> PluginAnswer {
        guard let path = plugin.path else {
            return .silent(plugin.type, "no directory has the plugin")
        }
        do throws(SystemCallFailure) {
            let question = try Question(
                ["staunch-shim", "plugin", path] + request.environment, path: try shimProgram(),
                input: request.input, atMost: PluginOutput.byteLimit)
            let answer = await question.answer(within: RuntimeWatch.patience)
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
    let detail: String
}

/// What came of a question to one plugin.
private enum PluginAnswer {
    case output(String, PluginOutput)
    case silent(String, String)

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
