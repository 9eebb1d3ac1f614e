// runc's command line (runc(8)); crun's is the same for our calls.

import Bytes
import JSON

/// The paths of runc and its state; each call is one argument vector.
package struct Runtime: Equatable, Sendable {
    package let path: String
    /// The pod's own state directory (`--root`), absolute.
    package let root: String

    package init(path: String, root: String) {
        self.path = path
        self.root = root
    }

    package enum Call: Equatable, Sendable {
        /// Creates the task; its process waits in the exec fifo.
        case create(bundle: String, pidFile: String)
        /// Creates and starts the task; runc returns as soon as the program runs.
        case run(bundle: String, pidFile: String)
        case start
        /// Removes the state and the cgroup; refused while the task is alive.
        case delete
    }

    /// The whole vector, the program first. runc appends to the file `log`.
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

    /// Prints text for `RuntimeVersion`.
    package var versionArguments: [String] { [path, "--version"] }

    /// Prints JSON for `RuntimeFeatures` (runc 1.1, crun 1.9).
    package var featuresArguments: [String] { [path, "features"] }
}

/// The output of a runtime's `--version`: text for people, without a specification.
package struct RuntimeVersion: Equatable, Sendable {
    package let name: String
    package let version: String
    package let commit: String?

    /// `nil` if the output is empty or not text. `program` is the runtime's file: its name is used
    /// unless the first line is `<name> version <version>`, as runc's and crun's is.
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

/// The parts of `runc features` that we use.
package struct RuntimeFeatures: Equatable, Sendable {
    package let mountOptions: [String]

    package var hasRecursiveReadOnly: Bool { mountOptions.contains("rro") }

    /// `nil` if the text is not JSON, because the runtime does not know the command.
    package init?(json: [UInt8]) {
        do throws(JSONFault) {
            let features = try JSONValue.parse(json)
            mountOptions = features["mountOptions"]?.strings ?? []
        } catch { return nil }
    }
}
