// A host that may serve an image: the registry or a mirror of it, as the settings have it.

import Bytes

struct RegistryHost: Equatable, Sendable {
    /// What a host may be asked for.
    struct Capabilities: Equatable, Sendable {
        /// Content by its digest.
        var pulls = true
        /// The digest of a tag.
        var resolves = true
    }

    /// Where the API is, including `/v2`.
    var url: RegistryURL
    var capabilities = Capabilities()
    var trust = Trust()
    /// Lines `name: value`.
    var headers: [String] = []
    /// Whether it is the registry itself, and not a mirror.
    var isRegistry = false
}

/// How TLS peers are verified, and what we show them. The bytes are PEM, read while root.
struct Trust: Equatable, Sendable {
    /// CAs besides the system's.
    var authorities: [UInt8] = []
    var certificate: [UInt8] = []
    var key: [UInt8] = []
    /// No verification at all: only if the settings say so.
    var skipsVerification = false

    /// For another host that a redirect names: the client's certificate is not for it.
    var forStrangers: Trust {
        Trust(authorities: authorities, skipsVerification: skipsVerification)
    }
}
