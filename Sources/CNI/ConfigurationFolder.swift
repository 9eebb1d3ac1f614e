// Plugins from the files of the folder that has the network's name (libcni 1.3, SPEC.md section 1).

import Bytes
import JSON

extension NetworkConfiguration {
    /// This configuration with the plugins of the folder beside its file, one plugin for each file.
    /// `files` are the folder's `.conf` files in the order of `ConfigurationDirectory.order`. The
    /// result has bytes of its own, which define the whole chain without the folder. A `.conf` has
    /// no folder, as in libcni.
    package func adding(
        folder files: [(file: String, bytes: [UInt8])]
    ) throws(ConfigurationFaults) -> NetworkConfiguration {
        if form == .single || loadOnlyInlinedPlugins { return self }
        let more = try pluginTexts(of: files)
        if more.isEmpty { return try completed() }
        var writer = JSONWriter(capacity: bytes.count + more.reduce(0) { $0 + $1.count })
        writer.beginObject()
        for (name, source) in try source().members
        where name != "plugins" && name != "loadOnlyInlinedPlugins" {
            writer.key(name)
            writer.raw(source.text)
        }
        writer.member("loadOnlyInlinedPlugins", true)
        writer.list("plugins", try inlined() + more) { $0.raw($1) }
        writer.endObject()
        return try NetworkConfiguration.parse(writer.finish().bytes, file: file, form: .list)
    }

    /// Refuses a chain without a plugin.
    private func completed() throws(ConfigurationFaults) -> NetworkConfiguration {
        if !plugins.isEmpty { return self }
        var reader = ConfigurationReader(file: file)
        reader.fault(nil, "there is no plugin, neither in the file nor in the folder '\(name)'")
        throw reader.failure(name)
    }

    private func source() throws(ConfigurationFaults) -> JSONSource {
        var reader = ConfigurationReader(file: file)
        return try reader.source(bytes)
    }

    private func inlined() throws(ConfigurationFaults) -> [[UInt8]] {
        try source()["plugins"]?.elements.map(\.text) ?? []
    }

    private func pluginTexts(
        of files: [(file: String, bytes: [UInt8])]
    ) throws(ConfigurationFaults) -> [[UInt8]] {
        var faults: [ConfigurationFault] = []
        var texts: [[UInt8]] = []
        for (file, bytes) in files {
            var reader = ConfigurationReader(file: file)
            do throws(ConfigurationFaults) {
                let source = try reader.source(bytes)
                if reader.plugin(source) != nil { texts.append(source.text) }
                faults += reader.faults
            } catch { faults += error.faults }
        }
        if faults.isEmpty { return texts }
        throw ConfigurationFaults(faults: faults, name: name)
    }
}
