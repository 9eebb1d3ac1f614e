// The files of a configuration directory: their order, and the networks that they define.
//
// containerd (go-cni), CRI-O (ocicni) and Podman sort all files by name, whatever their suffix, and
// libcni alone looks at each `.conflist` before any `.conf`. The order here is that of the three
// runtimes, because administrators number their files and read it from `ls`. As in CRI-O and Podman
// the first of two files with one network name is used. The other one is told, never silent.

import Bytes
import JSON

extension NetworkConfiguration.Form {
    /// The form of a file, by its suffix; `nil` if it is no configuration.
    package init?(fileName: String) {
        if fileName.ends(with: ".conflist") {
            self = .list
        } else if fileName.ends(with: ".conf") || fileName.ends(with: ".json") {
            self = .single
        } else {
            return nil
        }
    }
}

/// The networks that the files of one directory define.
package struct ConfigurationDirectory: Equatable, Sendable {
    /// In the order of their files.
    package private(set) var networks: [NetworkConfiguration] = []
    /// What is wrong with files, in their order. The file of a fault defines no network.
    package private(set) var faults: [ConfigurationFault] = []
    /// The file that claims a name first, even if it has faults: a later file of that name could
    /// be an older copy, so it does not replace a broken file.
    private var owners: [ByteKey: String] = [:]

    /// The names of the configurations among `names`, in the order of their bytes. A hidden file is
    /// none, because editors and configuration management write a file under such a name first.
    package static func order(_ names: [String]) -> [String] {
        names.filter { NetworkConfiguration.Form(fileName: $0) != nil && !$0.begins(with: ".") }
            .sorted { ByteKey($0) < ByteKey($1) }
    }

    /// `files` are names or paths with their bytes, in the order of `order`.
    package init(files: [(file: String, bytes: [UInt8])]) {
        for (file, bytes) in files { add(file, bytes) }
    }

    package func network(_ name: String) -> NetworkConfiguration? {
        networks.first { $0.name.isSame(as: name) }
    }

    /// The network's name in a file; `nil` if the file has none, or an earlier file has its name.
    func name(of file: String) -> String? {
        owners.first { $0.value.isSame(as: file) }?.key.text
    }

    private mutating func add(_ file: String, _ bytes: [UInt8]) {
        guard let form = NetworkConfiguration.Form(fileName: file) else { return }
        do throws(ConfigurationFaults) {
            let network = try NetworkConfiguration.parse(bytes, file: file, form: form)
            if claim(network.name, for: file) { networks.append(network) }
        } catch {
            faults += error.faults
            if let name = error.name { _ = claim(name, for: file) }
        }
    }

    private mutating func claim(_ name: String, for file: String) -> Bool {
        guard let owner = owners[ByteKey(name)] else {
            owners[ByteKey(name)] = file
            return true
        }
        faults.append(
            ConfigurationFault(
                file: file, line: nil, pointer: .root.appending("name"),
                detail: "the network '\(name)' is already defined by \(owner), which is used"))
        return false
    }
}
