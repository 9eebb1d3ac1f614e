// Who asks a registry. The values exist in this process's memory alone (law I8 of images).

import Bytes
import JSON

enum Credentials: Equatable, Sendable {
    case password(user: String, password: String)
    /// A refresh token, for which the token server gives access tokens (OAuth 2.0, RFC 6749).
    case identityToken(String)
    /// An access token, which the registry takes as it is.
    case registryToken(String)

    /// Helpers and `docker login` mark an identity token by this user's name.
    init(user: String, secret: String) {
        self =
            user.isSame(as: "<token>")
            ? .identityToken(secret) : .password(user: user, password: secret)
    }

    /// What must never be shown: also in the form in which Basic sends it.
    var secrets: [String] {
        switch self {
        case .password(let user, let password):
            var encoded: [UInt8] = []
            appendBase64(Array("\(user):\(password)".utf8).span, to: &encoded)
            return [password, String(decoding: encoded, as: UTF8.self)]
        case .identityToken(let token), .registryToken(let token): return [token]
        }
    }

    /// Reads `{"username", "password"}`, `{"token"}` or `{"identityToken"}`; `nil` if it is none.
    init?(request value: JSONValue) {
        func text(_ name: String) -> String? {
            value[name]?.string.flatMap { isUsable($0) ? $0 : nil }
        }
        let names = value.members?.map(\.name).sorted() ?? []
        switch names {
        case ["password", "username"]:
            guard let user = text("username"), let password = text("password") else { return nil }
            self = .password(user: user, password: password)
        case ["token"]:
            guard let token = text("token") else { return nil }
            self = .registryToken(token)
        case ["identityToken"]:
            guard let token = text("identityToken") else { return nil }
            self = .identityToken(token)
        default: return nil
        }
    }
}

/// Whether the text can be sent in a header: a control character would end it.
func isUsable(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7f }
}
