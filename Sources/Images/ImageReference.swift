// A reference to an image, normalised as Docker does. Grammar: distribution/reference, which the
// specifications leave to the implementations.
//
//  registry/repository:tag@digest
//
//  busybox              docker.io/library/busybox:latest
//  user/app:1           docker.io/user/app:1
//  localhost/app        localhost/app:latest
//  host:5000/a/b@sha…   host:5000/a/b@sha…

import Bytes

/// A complete reference. Two references are the same if their texts are.
package struct ImageReference: Hashable, Sendable, CustomStringConvertible {
    /// A host name or an address, with a port if there is one: `docker.io`, `[::1]:5000`.
    package let registry: String
    /// Path components between slashes, in lower case.
    package let repository: String
    /// `nil` only if there is a digest.
    package let tag: String?
    /// Pins the content. If there is a tag, too, the tag is only for people.
    package let digest: Digest?

    /// Docker's public registry.
    package static let dockerHub = "docker.io"

    /// Throws `reference-invalid` with the reason.
    package init(_ text: String) throws(ImageFault) {
        guard text.utf8.count <= ImageReference.byteLimit else {
            throw invalid("it has more than \(ImageReference.byteLimit) bytes")
        }
        let (name, digest) = try ImageReference.cutDigest(text)
        let (path, tag) = try ImageReference.cutTag(name)
        let (registry, repository) = ImageReference.cutRegistry(path)
        guard isHostAndPort(registry) else {
            throw invalid("'\(registry)' is no host name with a port")
        }
        try ImageReference.check(repository)
        self.registry = registry
        self.repository = repository
        self.tag = tag ?? (digest == nil ? "latest" : nil)
        self.digest = digest
    }

    /// The complete form.
    package var text: String {
        let tag = tag.map { ":\($0)" } ?? ""
        let digest = digest.map { "@\($0.text)" } ?? ""
        return "\(registry)/\(repository)\(tag)\(digest)"
    }

    package var description: String { text }

    /// The host that serves the registry's API: Docker's public registry has another name there.
    package var apiHost: String {
        registry.isSame(as: ImageReference.dockerHub) ? "registry-1.docker.io" : registry
    }

    /// Whether the text is a host name, an IPv4 address, or an IPv6 address in brackets. A port may
    /// follow.
    package static func isRegistry(_ text: String) -> Bool { isHostAndPort(text) }

    /// More than host, repository, tag and digest may have together.
    private static let byteLimit = 1024

    private static func cutDigest(_ text: String) throws(ImageFault) -> (String, Digest?) {
        guard let (name, digest) = text.cut("@") else { return (text, nil) }
        guard let found = Digest(digest) else {
            throw invalid("'\(digest)' is not sha256: and 64 digits in lower case")
        }
        return (name, found)
    }

    /// The tag follows the last colon, unless that belongs to the registry's port.
    private static func cutTag(_ name: String) throws(ImageFault) -> (String, String?) {
        guard let (path, tag) = name.cutAtLast(":"), !tag.has("/"), !tag.has("]") else {
            return (name, nil)
        }
        guard isTag(tag) else { throw invalid("'\(tag)' is no tag") }
        return (path, tag)
    }

    /// The first component is a registry if it cannot be a part of Docker Hub's names.
    private static func cutRegistry(_ path: String) -> (registry: String, repository: String) {
        var (registry, repository) = (dockerHub, path)
        if let (first, rest) = path.cut("/"),
            first.has(".") || first.has(":") || first.isSame(as: "localhost")
                || !first.isSame(as: first.lowered)
        {
            (registry, repository) = (first, rest)
        }
        if registry.isSame(as: "index.docker.io") { registry = dockerHub }
        if registry.isSame(as: dockerHub), !repository.has("/") {
            repository = "library/" + repository
        }
        return (registry, repository)
    }

    private static func check(_ repository: String) throws(ImageFault) {
        guard repository.utf8.count <= 255 else {
            throw invalid("the repository's name has more than 255 bytes")
        }
        let components = repository.fields("/", keepingEmpty: true)
        for component in components where !isComponent(Array(component.utf8)) {
            throw invalid("'\(component)' is no component of a repository's name")
        }
        // Docker refuses this form because it looks like an image's id.
        if components.count == 2, components[0].isSame(as: "library"),
            Digest(hex: components[1]) != nil
        {
            throw invalid("a name of 64 hexadecimal digits looks like an id")
        }
    }
}

private func invalid(_ detail: String) -> ImageFault { ImageFault(.referenceInvalid, detail) }

/// `[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}`
private func isTag(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    guard let first = bytes.first, bytes.count <= 128, isWord(first) else { return false }
    return bytes.allSatisfy { isWord($0) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-") }
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
private func isComponent(_ bytes: [UInt8]) -> Bool {
    let isPlain = { (byte: UInt8) in isDigit(byte) || isLower(byte) }
    guard let first = bytes.first, let last = bytes.last, isPlain(first), isPlain(last) else {
        return false
    }
    let separators = bytes.split { isPlain($0) }.map(Array.init)
    let permitted = [Array(".".utf8), Array("_".utf8), Array("__".utf8)]
    return separators.allSatisfy { separator in
        permitted.contains(separator) || separator.allSatisfy { $0 == UInt8(ascii: "-") }
    }
}

private func isHostAndPort(_ text: String) -> Bool {
    if let rest = text.after("["), let (address, port) = rest.cut("]") {
        let isAddress = !address.isEmpty && address.utf8.allSatisfy { isHex($0) || $0 == colon }
        return isAddress && (port.isEmpty || port.after(":").map(isPort) ?? false)
    }
    let (host, port) = text.cut(":").map { ($0.before, $0.after) } ?? (text, nil)
    let labels = host.fields(".", keepingEmpty: true)
    return labels.allSatisfy(isLabel) && host.utf8.count <= 255 && port.map(isPort) ?? true
}

/// `[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?`
private func isLabel(_ text: String) -> Bool {
    let isPlain = { (byte: UInt8) in isWord(byte) && byte != UInt8(ascii: "_") }
    guard let first = text.utf8.first, let last = text.utf8.last else { return false }
    return isPlain(first) && isPlain(last)
        && text.utf8.allSatisfy { isPlain($0) || $0 == UInt8(ascii: "-") }
}

private func isPort(_ text: String) -> Bool {
    text.utf8.decimal(UInt16.self).map { $0 > 0 && text.utf8.count <= 5 } ?? false
}

private let colon = UInt8(ascii: ":")

private func isDigit(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
}

private func isLower(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
}

private func isHex(_ byte: UInt8) -> Bool {
    isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte | 0x20)
}

private func isWord(_ byte: UInt8) -> Bool {
    isDigit(byte) || isLower(byte | 0x20) && byte & 0x40 != 0 || byte == UInt8(ascii: "_")
}
