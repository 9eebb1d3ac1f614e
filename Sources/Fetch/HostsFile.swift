// hosts.toml, in containerd's format (docs/hosts.md there): the mirrors of a registry in their
// order, and the registry itself at the end.

import Bytes
import JSON

/// What the file says. Nothing else is read yet.
struct HostsFile: Equatable, Sendable {
    struct Host: Equatable, Sendable {
        /// Where the API is, including `/v2`; `nil` for the registry itself if the file does not
        /// name a `server`.
        let url: RegistryURL?
        let capabilities: RegistryHost.Capabilities
        /// Paths of PEM files; relative ones are in the file's directory.
        let authorities: [String]
        let client: Client?
        let skipsVerification: Bool
        /// Lines `name: value`.
        let headers: [String]
    }

    /// The client's certificate. Without a path of the key, the certificate's file has both.
    struct Client: Equatable, Sendable {
        let certificate: String
        let key: String?
    }

    /// At least one; the last one is the registry itself.
    let hosts: [Host]

    /// A larger file is refused.
    static let byteLimit = 256 << 10

    static func parse(_ bytes: [UInt8]) throws(SettingsFault) -> HostsFile {
        let root: JSONValue
        do { root = try parsedTOML(bytes) } catch {
            let place = error.line.map { " in line \($0)" } ?? ""
            throw SettingsFault("not TOML\(place): \(error.detail)")
        }
        var hosts: [Host] = []
        for mirror in try SettingsReader(root, name: "the file").members("host") {
            hosts.append(
                try Host(SettingsReader(mirror.value, name: mirror.name), url: mirror.name))
        }
        let server = SettingsReader(root, name: "the file")
        let url = try server.text("server")
        hosts.append(try Host(server, url: url?.isEmpty == true ? nil : url))
        return HostsFile(hosts: hosts)
    }
}

extension HostsFile.Host {
    fileprivate init(_ reader: SettingsReader, url text: String?) throws(SettingsFault) {
        let overridesPath = try reader.flag("override_path") ?? false
        url = try text.map { text throws(SettingsFault) in
            guard let url = RegistryURL(text) else { throw SettingsFault("'\(text)' is no URL") }
            let isComplete = overridesPath || url.path.ends(with: "/v2")
            return isComplete ? url : url.replacing(path: url.path + "/v2")
        }
        capabilities = try .init(reader.texts("capabilities"))
        authorities = try reader.texts("ca") ?? []
        client = try reader.client()
        skipsVerification = try reader.flag("skip_verify") ?? false
        headers = try reader.headers()
    }
}

extension RegistryHost.Capabilities {
    fileprivate init(_ names: [String]?) {
        guard let names else { return }
        pulls = names.contains("pull")
        resolves = names.contains("resolve")
    }
}

/// Why the settings of a registry cannot be used. The reader adds the path of the file.
struct SettingsFault: Error, Equatable {
    let detail: String

    init(_ detail: String) { self.detail = detail }
}

/// A table of settings. Members that are not ours are passed over, because containerd reads the
/// same file.
private struct SettingsReader {
    private let value: JSONValue
    private let name: String

    init(_ value: JSONValue, name: String) {
        self.value = value
        self.name = name
    }

    private func wrong(_ member: String, _ expected: String) -> SettingsFault {
        SettingsFault("\(member) of \(name) is not \(expected)")
    }

    func members(_ member: String) throws(SettingsFault) -> [JSONMember] {
        guard let found = value[member] else { return [] }
        guard let members = found.members else { throw wrong(member, "a table") }
        return members
    }

    func text(_ member: String) throws(SettingsFault) -> String? {
        guard let found = value[member] else { return nil }
        guard let text = found.string, isLine(text) else { throw wrong(member, "a text") }
        return text
    }

    func flag(_ member: String) throws(SettingsFault) -> Bool? {
        guard let found = value[member] else { return nil }
        guard let flag = found.bool else { throw wrong(member, "true or false") }
        return flag
    }

    /// A text or a list of texts; `nil` if it is absent.
    func texts(_ member: String) throws(SettingsFault) -> [String]? {
        guard let found = value[member] else { return nil }
        guard let texts = found.string.map({ [$0] }) ?? found.strings, texts.allSatisfy(isLine)
        else { throw wrong(member, "a text or a list of texts") }
        return texts
    }

    /// `"file"`, `["file"]` or `[["certificate", "key"]]`.
    func client() throws(SettingsFault) -> HostsFile.Client? {
        guard let found = value["client"] else { return nil }
        let entries = found.string == nil ? found.elements ?? [.null] : [found]
        guard entries.count <= 1 else {
            throw SettingsFault("client of \(name) has more than one certificate")
        }
        guard let entry = entries.first else { return nil }
        let paths = entry.string.map { [$0] } ?? entry.strings ?? []
        guard (1...2).contains(paths.count), paths.allSatisfy({ isLine($0) && !$0.isEmpty }) else {
            throw wrong("client", "a certificate, or a pair of certificate and key")
        }
        return HostsFile.Client(certificate: paths[0], key: paths.count > 1 ? paths[1] : nil)
    }

    func headers() throws(SettingsFault) -> [String] {
        var lines: [String] = []
        for header in try members("header") {
            let values = header.value.string.map { [$0] } ?? header.value.strings
            guard let values, values.allSatisfy(isLine), isFieldName(header.name) else {
                throw wrong("header", "a table of names and texts")
            }
            // curl sends an empty field only in the form with a semicolon.
            lines += values.map { $0.isEmpty ? "\(header.name);" : "\(header.name): \($0)" }
        }
        return lines
    }
}

/// Whether the text has no control character, with which it would end a line or a path.
private func isLine(_ text: String) -> Bool { text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7f } }

/// token of RFC 9110, section 5.6.2, as far as field names use it.
private func isFieldName(_ text: String) -> Bool {
    !text.isEmpty
        && text.utf8.allSatisfy {
            $0 > 0x20 && $0 < 0x7f && !Array(":;,=()<>@\"/[]?{}\\".utf8).contains($0)
        }
}
