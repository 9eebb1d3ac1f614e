// The URL of a registry in the settings: `https://host:port/path`.

import Bytes
import Images

struct RegistryURL: Hashable, Sendable, CustomStringConvertible {
    let isPlain: Bool
    /// Host, and port if it is given.
    let authority: String
    /// Empty, or from the slash on and without a slash at its end.
    let path: String

    /// `nil` if the text is no such URL. Without a scheme it is https.
    init?(_ text: String) {
        let (isPlain, rest) =
            text.after("http://").map { (true, $0) }
            ?? (false, text.after("https://") ?? text)
        let (authority, path) = rest.cut("/").map { ($0.before, "/" + $0.after) } ?? (rest, "")
        guard ImageReference.isRegistry(authority), path.utf8.allSatisfy(isPathByte) else {
            return nil
        }
        self.init(isPlain: isPlain, authority: authority, path: path)
    }

    init(isPlain: Bool, authority: String, path: String) {
        self.isPlain = isPlain
        self.authority = authority
        var path = path
        while let shorter = path.before("/") { path = shorter }
        self.path = path
    }

    var description: String { "\(isPlain ? "http" : "https")://\(authority)\(path)" }

    func replacing(path: String) -> RegistryURL {
        RegistryURL(isPlain: isPlain, authority: authority, path: path)
    }
}

/// Neither a query, nor a fragment, nor what a URL must escape.
private func isPathByte(_ byte: UInt8) -> Bool {
    byte > 0x20 && byte < 0x7f && !Array("?#\"<>\\^`{|}".utf8).contains(byte)
}
