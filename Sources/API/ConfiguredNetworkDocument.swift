// A network that plugins make, for clients: its file, its plugins, and their answer.

import Bytes
import CNI
import Documents
package import Engine
import Host
package import JSON
import Model

/// A network of one of the modes, as an item of the list.
struct NetworkItem: DocumentEncodable {
    enum Content {
        case bridge(NetworkDocument)
        case configured(ConfiguredNetworkView)
    }

    /// The place in the list.
    let uid: UID
    let content: Content

    func write(to writer: inout JSONWriter) {
        switch content {
        case .bridge(let network): network.write(to: &writer)
        case .configured(let network): network.write(to: &writer)
        }
    }
}

extension ConfiguredNetworkView: DocumentEncodable {
    package func write(to writer: inout JSONWriter) {
        let network = file.network
        writer.beginObject()
        writer.member("name", file.name)
        writer.member("mode", "cni")
        writer.member("file", file.path)
        writer.member("cniVersion", network?.configuration.versions.last?.description)
        writer.member("cniVersions", network?.configuration.versions.map(\.description) ?? [])
        writer.list("plugins", network?.plugins ?? []) { $0.write($1, network) }
        writer.member("pluginDirectories", pluginDirectories)
        writer.list("faults", file.faults) { $0.write($1) }
        writer.key("status")
        writeStatus(to: &writer)
        writer.member("pods", pods)
        writer.endObject()
    }

    /// `null` if the plugins cannot be asked.
    private func writeStatus(to writer: inout JSONWriter) {
        if status == .unsupported || status == nil && askingSince == nil { return writer.null() }
        writer.beginObject()
        let (state, plugin, detail) = status?.words ?? ("asking", nil, nil)
        writer.member("state", state)
        writer.member("plugin", plugin)
        writer.member("detail", detail)
        writer.member("answeredAt", statusAt?.description)
        writer.member("askingSince", askingSince?.description)
        writer.endObject()
    }
}

extension NetworkStatus {
    fileprivate var words: (state: String, plugin: String?, detail: String?) {
        switch self {
        case .unsupported: ("unsupported", nil, nil)
        case .ready: ("ready", nil, nil)
        case .notReady(let plugin, let detail): ("not-ready", plugin, detail)
        case .unanswered(let plugin, let detail): ("unanswered", plugin, detail)
        }
    }
}

extension JSONWriter {
    fileprivate mutating func write(_ plugin: FoundPlugin, _ network: ConfiguredNetwork?) {
        let capabilities = (network?.configuration.plugins ?? [])
            .filter { $0.type.isSame(as: plugin.type) }.flatMap(\.capabilities)
        beginObject()
        member("type", plugin.type)
        member("path", plugin.path)
        member("capabilities", Set(capabilities).sorted())
        endObject()
    }

    fileprivate mutating func write(_ fault: ConfigurationFault) {
        beginObject()
        member("file", fault.file)
        member("line", fault.line.map(Int64.init))
        member("pointer", fault.pointer.text)
        member("detail", fault.detail)
        endObject()
    }
}
