// A host that may serve the image, as one fetch sees it: who we are there, and the token in force.

import Bytes
import Images
import JSON

final class Endpoint {
    let host: RegistryHost
    let credentials: Credentials?
    private let repository: String
    /// `ns=docker.io`, which tells a mirror whose image is meant; empty for the registry itself.
    private let query: String
    private(set) var authorization = Authorization.none
    /// Grows with each change of `authorization`.
    private(set) var generation = 0

    init(_ host: RegistryHost, for reference: ImageReference, _ credentials: Credentials?) {
        self.host = host
        self.credentials = credentials
        repository = reference.repository
        let isMirror = !host.url.authority.isSame(as: reference.apiHost)
        query = isMirror ? "?ns=" + escapedInQuery(reference.registry) : ""
        if case .registryToken(let token) = credentials { authorization = .bearer(token) }
    }

    /// The request for a path such as `manifests/latest`.
    func request(_ path: String, accept: [String] = [], stall: Int) -> TransferRequest {
        TransferRequest(
            url: "\(host.url)/\(repository)/\(path)\(query)",
            headers: host.headers + accept.map { "Accept: \($0)" }, authorization: authorization,
            trust: host.trust, isPlain: host.url.isPlain, stall: stall)
    }

    /// What became of a challenge.
    enum Answer: Equatable {
        /// The request may be sent again.
        case renewed
        /// There is no answer to the challenge, or it was refused.
        case refused(String)
        /// The token server has no answer now.
        case unavailable(String, retryAfter: Int?)
    }

    /// Answers a 401 (RFC 9110, section 11.6.1; distribution, "Token Authentication").
    /// `generation` is that of the refused request: if another transfer has changed the
    /// authorization since, nothing is asked.
    func answer(
        _ head: ResponseHead, sentWith generation: Int, _ session: Session
    ) throws(FetchFailure) -> Answer {
        guard generation == self.generation else { return .renewed }
        let challenges = head.challenges
        if let bearer = challenges.first(where: { $0.scheme == "bearer" }), bearer["realm"] != nil {
            return try token(bearer, session)
        }
        guard challenges.contains(where: { $0.scheme == "basic" }) else {
            return .refused("it asks for no authorization that is known here")
        }
        guard case .password(let user, let password) = credentials else {
            return .refused("it asks for a name and a password")
        }
        if case .basic = authorization { return .refused("it refuses the name and the password") }
        change(.basic(user: user, password: password))
        return .renewed
    }

    private func change(_ authorization: Authorization) {
        self.authorization = authorization
        generation += 1
    }

    private func token(
        _ challenge: Challenge, _ session: Session
    ) throws(FetchFailure) -> Answer {
        if case .registryToken = credentials { return .refused("it refuses the token") }
        guard let request = tokenRequest(challenge, stall: session.stall) else {
            return .refused(
                "its token server is not on TLS: " + session.quoted(challenge["realm"] ?? ""))
        }
        let answer = try session.exchange(request, limit: 1 << 20, isFollowed: request.form == nil)
        switch (answer.result, answer.status) {
        case (.untrusted(let why), _):
            return .refused("its token server is not trusted: \(why)")
        case (.broken(let why), _):
            return .unavailable("its token server does not answer: \(why)", retryAfter: nil)
        case (_, 200) where answer.result == .complete: break
        case (_, 429), (_, 500...599):
            return .unavailable(
                "its token server answers \(answer.status)", retryAfter: answer.retryAfter)
        case (_, let status): return .refused("its token server answers \(status)")
        }
        let document = parsed(answer.body)
        let token = document?["token"]?.string ?? document?["access_token"]?.string
        guard let token, isToken(token) else {
            return .unavailable("its token server gives no token", retryAfter: nil)
        }
        session.secrets.append(token)
        change(.bearer(token))
        return .renewed
    }

    /// `nil` if the realm is neither on TLS nor that of a plain registry.
    private func tokenRequest(_ challenge: Challenge, stall: Int) -> TransferRequest? {
        guard let realm = challenge["realm"], realm.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }),
            realm.lowered.begins(with: "https://")
                || host.url.isPlain && realm.lowered.begins(with: "http://")
        else { return nil }
        let scope = challenge["scope"] ?? "repository:\(repository):pull"
        var query = "scope=" + escapedInQuery(scope)
        if let service = challenge["service"] { query += "&service=" + escapedInQuery(service) }
        var request = TransferRequest(
            url: realm, trust: host.trust.forStrangers, isPlain: host.url.isPlain, stall: stall)
        if case .identityToken(let token) = credentials {
            request.form =
                "grant_type=refresh_token&client_id=staunch&refresh_token=\(escapedInQuery(token))&"
                + query
            return request
        }
        request.url += (realm.has("?") ? "&" : "?") + query
        if case .password(let user, let password) = credentials {
            request.authorization = .basic(user: user, password: password)
        }
        return request
    }

    private func parsed(_ bytes: [UInt8]) -> JSONValue? {
        do throws(JSONFault) { return try JSONValue.parse(bytes) } catch { return nil }
    }
}

/// b64token of RFC 6750, section 2.1, and no more: it becomes a part of a header.
private func isToken(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f }
}

/// A text as a value of a query (RFC 3986, section 2.1).
func escapedInQuery(_ text: String) -> String {
    let digits = Array("0123456789ABCDEF".utf8)
    let plain = Array("-._~".utf8)
    let bytes = text.utf8.flatMap { byte -> [UInt8] in
        let isPlain =
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
            || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20) && byte < 0x80
            || plain.contains(byte)
        return isPlain
            ? [byte] : [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
    }
    return String(decoding: bytes, as: UTF8.self)
}
