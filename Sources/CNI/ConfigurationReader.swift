// Reads `.conf` and `.conflist` files.

import Bytes
import JSON

extension NetworkConfiguration {
    /// Reads a file's bytes. All faults are told, with their lines, up to a limit of 100.
    package static func parse(
        _ bytes: [UInt8], file: String, form: Form
    ) throws(ConfigurationFaults) -> NetworkConfiguration {
        var reader = ConfigurationReader(file: file)
        let source = try reader.source(bytes)
        let name = reader.networkName(source)
        let versions = reader.versions(source)
        let plugins = form == .list ? reader.plugins(source) : reader.singlePlugin(source)
        let flags = ["disableCheck", "disableGC", "loadOnlyInlinedPlugins"].map {
            reader.flag(source[$0])
        }
        guard reader.faults.isEmpty, let name else { throw reader.failure(name) }
        return NetworkConfiguration(
            file: file, form: form, bytes: bytes, name: name, versions: versions,
            disableCheck: flags[0],
            disableGC: flags[1], loadOnlyInlinedPlugins: flags[2], plugins: plugins)
    }
}

/// Collects faults while it reads one file.
struct ConfigurationReader {
    let file: String
    private(set) var faults: [ConfigurationFault] = []

    init(file: String) { self.file = file }

    func failure(_ name: String?) -> ConfigurationFaults {
        ConfigurationFaults(faults: faults, name: name)
    }

    mutating func fault(_ source: JSONSource?, _ detail: String) {
        // Each fault searches the text for its line.
        guard faults.count < 100 else { return }
        faults.append(
            ConfigurationFault(
                file: file, line: source?.line, pointer: source?.pointer ?? .root, detail: detail))
    }

    mutating func source(_ bytes: [UInt8]) throws(ConfigurationFaults) -> JSONSource {
        guard bytes.count <= NetworkConfiguration.byteLimit else {
            fault(nil, "\(bytes.count) bytes are more than the limit of 1 MiB")
            throw failure(nil)
        }
        do throws(JSONFault) {
            let source = try JSONSource.parse(bytes)
            if source.value.members != nil { return source }
            fault(source, "an object is expected, and this is \(source.value.kindName)")
        } catch {
            faults.append(
                ConfigurationFault(
                    file: file, line: error.line, pointer: error.pointer, detail: error.detail))
        }
        throw failure(nil)
    }

    /// Reports a missing member or another kind of value; `nil` then.
    mutating func string(_ name: String, in object: JSONSource) -> String? {
        guard let member = object[name] else {
            fault(object, "'\(name)' is missing")
            return nil
        }
        guard let text = member.value.string else {
            fault(member, "a string is expected, and this is \(member.value.kindName)")
            return nil
        }
        return text
    }

    mutating func networkName(_ source: JSONSource) -> String? {
        guard let name = string("name", in: source) else { return nil }
        guard isNetworkName(name) else {
            fault(
                source["name"],
                "'\(excerpt(name))' is not a network's name: a letter or a digit, then letters, "
                    + "digits, '_', '.' and '-', at most 200 bytes")
            return nil
        }
        return name
    }

    /// libcni takes the texts "true" and "false", too, and administrators write them.
    mutating func flag(_ source: JSONSource?) -> Bool {
        guard let source, source.value != .null else { return false }
        switch source.value {
        case .bool(let flag): return flag
        case .string(let text) where text.lowered == "true": return true
        case .string(let text) where text.lowered == "false": return false
        default:
            fault(source, "true or false is expected, and this is \(source.value.kindName)")
            return false
        }
    }
}
