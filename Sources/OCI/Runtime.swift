// runc's command line (runc(8)); crun's is the same as far as we use it.

import Bytes
import JSON

/// Where runc is and where it keeps its state; each call is one argument vector.
package struct Runtime: Equatable, Sendable {
    package let path: String
    /// The pod's own directory of states (`--root`), absolute.
    package let root: String

    package init(path: String, root: String) {
        self.path = path
        self.root = root
    }

    package enum Call: Equatable, Sendable {
        /// Makes the task and leaves its process waiting in the exec fifo.
        case create(bundle: String, pidFile: String)
        /// Makes and starts it; runc returns as soon as the program runs.
        case run(bundle: String, pidFile: String)
        case start
        /// Puts the state and the cgroup away; refused while the task lives.
        case delete
    }

    /// The whole vector, the program first. `log` is a file that runc appends to.
    package func arguments(_ call: Call, id: String, log: String) -> [String] {
        let common = [path, "--root", root, "--log", log, "--log-format", "json"]
        return switch call {
        case .create(let bundle, let pidFile):
            common + ["create", "--bundle", bundle, "--pid-file", pidFile, id]
        case .run(let bundle, let pidFile):
            common + ["run", "--detach", "--bundle", bundle, "--pid-file", pidFile, id]
        case .start: common + ["start", id]
        case .delete: common + ["delete", id]
        }
    }

    /// Answers text for `RuntimeVersion`.
    package var versionArguments: [String] { [path, "--version"] }

    /// Answers JSON (runc 1.1, crun 1.9); `RuntimeFeatures` reads it.
    package var featuresArguments: [String] { [path, "features"] }
}

/// What a runtime says to `--version`: words for people, which no specification lays down.
package struct RuntimeVersion: Equatable, Sendable {
    package let name: String
    package let version: String
    package let commit: String?

    /// `nil` if it is not text, or empty. `program` is the runtime's file, for one whose first line
    /// is not `<name> version <version>`, as that of runc and crun is.
    package init?(_ said: [UInt8], program: String) {
        guard let text = String(validating: said, as: UTF8.self),
            !text.unicodeScalars.contains(where: RuntimeVersion.isControl)
        else { return nil }
        let lines = text.fields("\n").map { $0.before("\r") ?? $0 }
        let words = lines.flatMap { $0.fields(" ") }.flatMap { $0.fields("\t") }
        guard let first = words.first else { return nil }
        if words.count > 2, words[1] == "version" {
            name = RuntimeVersion.bounded(first)
            version = RuntimeVersion.bounded(words[2])
        } else {
            name = program.cutAtLast("/")?.after ?? program
            version = RuntimeVersion.bounded(
                words.first(where: RuntimeVersion.looksLikeVersion) ?? lines.first ?? first)
        }
        func field(_ name: String) -> String? {
            lines.lazy.compactMap { $0.after(name + ": ") }.first.map(RuntimeVersion.bounded)
        }
        commit = field("commit")
    }

    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        scalar.value < 0x20 && !"\t\n\r".unicodeScalars.contains(scalar) || scalar.value == 0x7f
    }

    /// `1.2`, `v1.2-rc.1`.
    private static func looksLikeVersion(_ word: String) -> Bool {
        let digits = word.after("v") ?? word
        return digits.has(".") && digits.utf8.first.map { (0x30...0x39).contains($0) } ?? false
    }

    private static func bounded(_ text: String) -> String {
        String(decoding: text.utf8.prefix(128), as: UTF8.self)
    }
}

/// What of `runc features` we look at.
package struct RuntimeFeatures: Equatable, Sendable {
    package let mountOptions: [String]

    package var hasRecursiveReadOnly: Bool { mountOptions.contains("rro") }

    /// `nil` where the text is not JSON, as of a runtime that does not know the command.
    package init?(json: [UInt8]) {
        do throws(JSONFault) {
            let features = try JSONValue.parse(json)
            mountOptions = features["mountOptions"]?.strings ?? []
        } catch { return nil }
    }
}
