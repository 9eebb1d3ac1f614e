// Identifies equal requests, to distinguish a retry from the reuse of its id.

import Bytes
import HTTP

/// A hash of a request. Not cryptographic: the clients of one socket trust each other.
struct Fingerprint {
    private var hash = FNV1a()

    var value: UInt64 { hash.value }

    /// Covers method, path, query and body. Each part ends with a byte that UTF-8 does not contain.
    init(of request: HTTPRequest) {
        mix(request.method.utf8)
        mix(request.path.utf8)
        for (name, value) in request.query {
            mix(name.utf8)
            if let value { mix(value.utf8) }
        }
        mix(request.body)
    }

    private mutating func mix(_ bytes: some Sequence<UInt8>) {
        hash.add(bytes)
        hash.add(0xff)
    }
}
