// The networks of a configuration directory, with their faults and their plugins.

import Bytes
import JSON

/// The networks that the files of a configuration directory define.
package struct ConfiguredNetworks: Equatable, Sendable {
    /// The configuration directory.
    package let directory: String
    /// Why it could not be read, or not as a whole; `nil` if it was.
    package let failure: String?
    /// In the order of the search for a plugin.
    package let pluginDirectories: [String]
    /// The files in their order.
    package let files: [ConfiguredFile]

    package init(_ seen: ConfigurationFiles) {
        directory = seen.directory
        failure = seen.failure
        pluginDirectories = seen.plugins.map(\.path)
        let names = ConfigurationDirectory.order(seen.files.map(\.name))
        let contents = Dictionary(seen.files.map { (ByteKey($0.name), $0.content) }) { $1 }
        let readable = names.compactMap { name in
            contents[ByteKey(name)]?.bytes.map { (file: "\(seen.directory)/\(name)", bytes: $0) }
        }
        let parsed = ConfigurationDirectory(files: readable)
        files = names.map { name in
            let path = "\(seen.directory)/\(name)"
            if case .unreadable(let why)? = contents[ByteKey(name)] {
                return ConfiguredFile(unreadable: path, why)
            }
            return ConfiguredFile(path, parsed, seen)
        }
    }

    /// The networks that can be used, in the order of their files.
    package var networks: [ConfiguredNetwork] { files.compactMap(\.network) }

    /// The network of that name; the first network if the name is `nil`.
    package func network(_ name: String?) -> ConfiguredNetwork? {
        guard let name else { return networks.first }
        return networks.first { $0.configuration.name.isSame(as: name) }
    }
}

/// A file of the directory: a network or faults.
package struct ConfiguredFile: Equatable, Sendable {
    package let path: String
    /// The network's name, even if the file has faults; `nil` if it could not be read.
    package let name: String?
    package let network: ConfiguredNetwork?
    /// Empty if there is a network.
    package let faults: [ConfigurationFault]

    /// Whether it defines the network of that name.
    package func isNamed(_ network: String) -> Bool { name?.isSame(as: network) ?? false }

    fileprivate init(unreadable path: String, _ why: String) {
        self.path = path
        (name, network) = (nil, nil)
        faults = [
            ConfigurationFault(
                file: path, line: nil, pointer: .root, detail: "it cannot be read: \(why)")
        ]
    }

    fileprivate init(
        _ path: String, _ directory: ConfigurationDirectory, _ seen: ConfigurationFiles
    ) {
        self.path = path
        let listed = directory.networks.first { $0.file.isSame(as: path) }
        let told = directory.faults.filter { $0.file.isSame(as: path) }
        name = listed?.name ?? directory.name(of: path)
        guard let listed else {
            (network, faults) = (nil, told)
            return
        }
        do throws(ConfigurationFaults) {
            let whole = try listed.adding(folder: seen.folder(of: listed))
            network = ConfiguredNetwork(
                configuration: whole, plugins: whole.pluginTypes.map(seen.plugin))
            faults = []
        } catch { (network, faults) = (nil, error.faults) }
    }
}

/// A network that can be used if its plugins are there.
package struct ConfiguredNetwork: Equatable, Sendable {
    /// With the plugins of its folder.
    package let configuration: NetworkConfiguration
    /// The plugins of the chain and their IPAM plugins, each once.
    package let plugins: [FoundPlugin]

    package var missing: [String] { plugins.filter { $0.path == nil }.map(\.type) }
}

extension ConfigurationFiles {
    /// The files of the folder with the network's name, which add plugins to a chain.
    fileprivate func folder(
        of network: NetworkConfiguration
    ) throws(ConfigurationFaults) -> [(file: String, bytes: [UInt8])] {
        if network.form == .single || network.loadOnlyInlinedPlugins { return [] }
        let files = folders[network.name] ?? []
        let contents = Dictionary(files.map { (ByteKey($0.name), $0.content) }) { $1 }
        var read: [(file: String, bytes: [UInt8])] = []
        var faults: [ConfigurationFault] = []
        for name in ConfigurationDirectory.order(files.map(\.name)) where name.ends(with: ".conf") {
            let path = "\(directory)/\(network.name)/\(name)"
            switch contents[ByteKey(name)] {
            case .bytes(let bytes)?: read.append((path, bytes))
            case .unreadable(let why)?:
                faults.append(
                    ConfigurationFault(
                        file: path, line: nil, pointer: .root, detail: "it cannot be read: \(why)"))
            case nil: break
            }
        }
        if faults.isEmpty { return read }
        throw ConfigurationFaults(faults: faults, name: network.name)
    }
}

extension ConfigurationFiles.Content {
    fileprivate var bytes: [UInt8]? { if case .bytes(let bytes) = self { bytes } else { nil } }
}
