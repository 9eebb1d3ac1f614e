// Docker's config.json (docs.docker.com, "docker login"), as far as it has credentials.

import Bytes
import JSON

struct AuthFile: Equatable, Sendable {
    /// By host.
    private let entries: [(host: String, credentials: Credentials)]
    /// The name of the program for a host: `docker-credential-<name>`.
    private let helpers: [(host: String, name: String)]
    private let store: String?

    /// A larger file is refused.
    static let byteLimit = 4 << 20

    static func == (one: AuthFile, other: AuthFile) -> Bool {
        one.entries.elementsEqual(other.entries) { $0 == $1 }
            && one.helpers.elementsEqual(other.helpers) { $0 == $1 } && one.store == other.store
    }

    /// The credentials of the file for a host.
    func credentials(for host: String) -> Credentials? {
        let host = AuthFile.key(host)
        return entries.first { $0.host.isSame(as: host) }?.credentials
    }

    /// The helper that has the credentials for a host, if there is one.
    func helper(for host: String) -> String? {
        let host = AuthFile.key(host)
        return helpers.first { $0.host.isSame(as: host) }?.name ?? store
    }

    /// Faults never contain a part of the content.
    static func parse(_ bytes: [UInt8]) throws(SettingsFault) -> AuthFile {
        let root: JSONValue
        do { root = try JSONValue.parse(bytes) } catch {
            throw SettingsFault("not JSON, by the rule '\(error.kind.rawValue)'")
        }
        guard root.members != nil else { throw SettingsFault("not an object") }
        return AuthFile(
            entries: try entries(root), helpers: try helpers(root), store: try store(root))
    }

    private static func entries(
        _ root: JSONValue
    ) throws(SettingsFault) -> [(host: String, credentials: Credentials)] {
        var found: [(host: String, credentials: Credentials)] = []
        for entry in try members(root, "auths") {
            guard entry.value.members != nil else {
                throw SettingsFault("auths has an entry that is no object")
            }
            // With a helper, Docker writes an empty object.
            guard let credentials = try credentials(entry.value) else { continue }
            found.append((key(entry.name), credentials))
        }
        return found
    }

    private static func helpers(
        _ root: JSONValue
    ) throws(SettingsFault) -> [(host: String, name: String)] {
        var found: [(host: String, name: String)] = []
        for entry in try members(root, "credHelpers") {
            guard let name = entry.value.string, isHelperName(name) else {
                throw SettingsFault("credHelpers has a name that is no helper's")
            }
            found.append((key(entry.name), name))
        }
        return found
    }

    private static func store(_ root: JSONValue) throws(SettingsFault) -> String? {
        guard let store = root["credsStore"], store != .null, store.string != "" else { return nil }
        guard let name = store.string, isHelperName(name) else {
            throw SettingsFault("credsStore is no helper's name")
        }
        return name
    }

    private static func members(
        _ root: JSONValue, _ name: String
    ) throws(SettingsFault) -> [JSONMember] {
        guard let found = root[name], found != .null else { return [] }
        guard let members = found.members else { throw SettingsFault("\(name) is not an object") }
        return members
    }

    private static func credentials(_ entry: JSONValue) throws(SettingsFault) -> Credentials? {
        func text(_ name: String) -> String? {
            entry[name]?.string.flatMap { isUsable($0) ? $0 : nil }
        }
        if let token = text("registrytoken") { return .registryToken(token) }
        if let token = text("identitytoken") { return .identityToken(token) }
        if let user = text("username"), let password = text("password") {
            return Credentials(user: user, secret: password)
        }
        guard let encoded = text("auth") else { return nil }
        // Docker pads with NULs.
        guard let bytes = decodedBase64(encoded),
            case let pair = String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self),
            let (user, password) = pair.cut(":"), isUsable(user), isUsable(password)
        else { throw SettingsFault("an auth is not the base64 of user:password") }
        return Credentials(user: user, secret: password)
    }

    /// Keys may be URLs. Docker Hub's has another host than its registry, for historical reasons.
    static func key(_ name: String) -> String {
        let rest = name.after("https://") ?? name.after("http://") ?? name
        let host = rest.upTo("/")
        let hub = ["docker.io", "index.docker.io", "registry-1.docker.io"]
        return hub.contains(host) ? "docker.io" : host
    }

    /// A helper is a program in PATH, and never a path.
    private static func isHelperName(_ name: String) -> Bool {
        isUsable(name) && !name.has("/")
    }
}
