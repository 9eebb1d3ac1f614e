// The command line of staunch-layer, written by the daemon and read by the program.

import Bytes
package import Images

/// What `staunch-layer` is asked for. Paths are absolute.
package enum LayerCommand: Equatable, Sendable {
    case unpack(Unpacking)
    /// Removes `name` in `directory` with everything below it.
    case remove(directory: String, name: String)
    /// Syncs the file system of the images' directory, then marks what was whole before.
    case sync(images: String)
    /// Lists the content of the images' directory.
    case list(images: String)
    /// Makes `<output>/fs` of the directories whose attributes the layers, top first, hide.
    case fix(output: String, layers: [String])
    /// Lists the members of the tar that is standard input.
    case index

    /// A layer to unpack into `<ingest>/fs`.
    package struct Unpacking: Equatable, Sendable {
        /// The ingest's directory.
        package var ingest: String
        /// A name in `ingest`; `nil`: the blob is in standard input, which must be a file.
        package var file: String?
        package var blob: Digest
        package var diffID: Digest
        package var mediaType = ""
        /// Where the blob begins in its file, in bytes.
        package var offset: Int64 = 0
        /// The bytes of the blob; `nil`: to the end of the file.
        package var length: Int64?
        /// The most bytes of the tar.
        package var maxBytes: Int64 = 64 << 30
        /// The most headers of the tar, together with the implied directories.
        package var maxEntries: Int64 = 4_000_000

        package init(ingest: String, file: String? = nil, blob: Digest, diffID: Digest) {
            self.ingest = ingest
            self.file = file
            self.blob = blob
            self.diffID = diffID
        }
    }
}

/// The descriptors beside 0, 1 and 2 that the program was started with.
package struct LayerDescriptors: Equatable, Sendable {
    /// A file whose flock(2) is held as long as the program lives.
    package var lock: Int32?
    /// A file that gets a `LayerProgress` at most five times a second.
    package var progress: Int32?

    package init(lock: Int32? = nil, progress: Int32? = nil) {
        self.lock = lock
        self.progress = progress
    }
}

/// A command line that `staunch-layer` does not understand, with the reason for people.
package struct LayerUsage: Error, Equatable, Sendable { package let detail: String }

extension LayerCommand {
    /// The words after the program's name.
    package func arguments(_ descriptors: LayerDescriptors = LayerDescriptors()) -> [String] {
        let numbers = [("--lock", descriptors.lock), ("--progress", descriptors.progress)]
        let options = numbers.flatMap { name, number in number.map { [name, "\($0)"] } ?? [] }
        switch self {
        case .unpack(let unpacking): return ["unpack"] + options + unpacking.arguments
        case .remove(let directory, let name): return ["remove"] + options + [directory, name]
        case .sync(let images): return ["sync"] + options + [images]
        case .list(let images): return ["list"] + options + [images]
        case .fix(let output, let layers): return ["fix"] + options + [output] + layers
        case .index: return ["index"] + options
        }
    }

    /// Reads those words.
    package static func parse(
        _ arguments: [String]
    ) throws(LayerUsage) -> (LayerCommand, LayerDescriptors) {
        guard let verb = arguments.first else { throw LayerUsage(detail: "a verb is missing") }
        var words = try Words(Array(arguments.dropFirst()), options: options(of: verb))
        let descriptors = LayerDescriptors(
            lock: try words.number("--lock"), progress: try words.number("--progress"))
        return (try command(verb, &words), descriptors)
    }

    private static func options(of verb: String) -> Set<String> {
        let every: Set = ["--lock", "--progress"]
        return verb == "unpack" ? every.union(Unpacking.options) : every
    }

    private static func command(
        _ verb: String, _ words: inout Words
    ) throws(LayerUsage) -> LayerCommand {
        let rest = words.positional
        switch verb {
        case "unpack" where rest.count == 1: return .unpack(try Unpacking(rest[0], &words))
        case "remove" where rest.count == 2: return .remove(directory: rest[0], name: rest[1])
        case "sync" where rest.count == 1: return .sync(images: rest[0])
        case "list" where rest.count == 1: return .list(images: rest[0])
        case "fix" where rest.count > 1:
            return .fix(output: rest[0], layers: Array(rest.dropFirst()))
        case "index" where rest.isEmpty: return .index
        case "unpack", "remove", "sync", "list", "fix", "index":
            throw LayerUsage(detail: "\(verb) does not take \(rest.count) arguments")
        default: throw LayerUsage(detail: "there is no verb \(verb)")
        }
    }
}

extension LayerCommand.Unpacking {
    static let options: Set = [
        "--file", "--blob", "--diff-id", "--media-type", "--offset", "--length", "--max-bytes",
        "--max-entries",
    ]

    var arguments: [String] {
        var words = ["--blob", "\(blob)", "--diff-id", "\(diffID)", "--offset", "\(offset)"]
        if let file { words += ["--file", file] }
        if let length { words += ["--length", "\(length)"] }
        if !mediaType.isEmpty { words += ["--media-type", mediaType] }
        words += ["--max-bytes", "\(maxBytes)", "--max-entries", "\(maxEntries)"]
        return words + [ingest]
    }

    fileprivate init(_ ingest: String, _ words: inout Words) throws(LayerUsage) {
        self.init(
            ingest: ingest, file: words.text("--file"), blob: try words.digest("--blob"),
            diffID: try words.digest("--diff-id"))
        mediaType = words.text("--media-type") ?? ""
        offset = try words.number("--offset") ?? offset
        length = try words.number("--length")
        maxBytes = try words.number("--max-bytes") ?? maxBytes
        maxEntries = try words.number("--max-entries") ?? maxEntries
        // Also without overflow: the sum is the place of the blob's end in its file.
        guard offset.addingReportingOverflow(length ?? 0).overflow == false else {
            throw LayerUsage(detail: "--offset and --length exceed any file")
        }
    }
}

/// The words after the verb: options, each with a value, and the others.
private struct Words {
    private var values: [String: String] = [:]
    private(set) var positional: [String] = []

    init(_ words: [String], options: Set<String>) throws(LayerUsage) {
        var rest = words[...]
        while let word = rest.popFirst() {
            guard word.begins(with: "--") else {
                positional.append(word)
                continue
            }
            guard options.contains(word) else { throw LayerUsage(detail: "no option \(word)") }
            guard let value = rest.popFirst() else {
                throw LayerUsage(detail: "\(word) needs a value")
            }
            guard values.updateValue(value, forKey: word) == nil else {
                throw LayerUsage(detail: "\(word) is given twice")
            }
        }
    }

    func text(_ option: String) -> String? { values[option] }

    func number<Number: FixedWidthInteger>(
        _ option: String
    ) throws(LayerUsage) -> Number? {
        guard let text = values[option] else { return nil }
        guard let number = text.utf8.decimal(Number.self) else {
            throw LayerUsage(detail: "\(option) \(text) is no such number")
        }
        return number
    }

    func digest(_ option: String) throws(LayerUsage) -> Digest {
        guard let text = values[option] else { throw LayerUsage(detail: "\(option) is missing") }
        guard let digest = Digest(text) else {
            throw LayerUsage(detail: "\(option) \(text) is no SHA-256")
        }
        return digest
    }
}
