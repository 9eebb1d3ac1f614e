// The digest of a WebSocket's handshake.

import Bytes
import Testing

@Suite struct SHA1Tests {
    /// The vectors of RFC 3174, section 7.3, and lengths around the end of a block (sha1sum(1)).
    static let digests: [(String, Int, String)] = [
        ("abc", 1, "a9993e364706816aba3e25717850c26c9cd0d89d"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
            "84983e441c3bd26ebaae4aa1f95129e5e54670f1"
        ),
        ("a", 1_000_000, "34aa973cd4c4daa4f61eeb2bdbad27316534016f"),
        (
            "0123456701234567012345670123456701234567012345670123456701234567", 10,
            "dea356a2cddd90c7a7ecedc5ebb563934f460452"
        ),
        ("", 1, "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
        ("x", 55, "cef734ba81a024479e09eb5a75b6ddae62e6abf1"),
        ("x", 56, "901305367c259952f4e7af8323f480d59f81335b"),
        ("x", 63, "0ddc4e0cccd9a12850deb5abb0853a4425559fec"),
        ("x", 64, "bb2fa3ee7afb9f54c6dfb5d021f14b1ffe40c163"),
    ]

    @Test("a digest is the one of the standard", arguments: digests)
    func digest(_ text: String, _ times: Int, _ digest: String) {
        let bytes = Array(String(repeating: text, count: times).utf8)
        let found = sha1(bytes).map { byte in
            let text = String(byte, radix: 16)
            return byte < 16 ? "0" + text : text
        }
        #expect(found.joined() == digest)
    }
}
