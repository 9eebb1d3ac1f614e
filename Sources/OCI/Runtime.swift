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
        case state
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
        case .state: common + ["state", id]
        }
    }

    /// Answers text for `RuntimeVersion`.
    package var versionArguments: [String] { [path, "--version"] }

    /// Answers JSON (runc 1.1, crun 1.9); `RuntimeFeatures` reads it.
    package var featuresArguments: [String] { [path, "features"] }
}

/// What `runc --version` or `crun --version` says.
package struct RuntimeVersion: Equatable, Sendable {
    package let name: String
    package let version: String
    package let commit: String?
    package let spec: String?

    /// `nil` where the first line is not `<name> version <version>`.
    package init?(_ text: String) {
        let lines = text.fields("\n").map { $0.before("\r") ?? $0 }
        let words = lines.first?.fields(" ") ?? []
        guard words.count == 3, words[1] == "version" else { return nil }
        name = words[0]
        version = words[2]
        func field(_ name: String) -> String? {
            lines.lazy.compactMap { $0.after(name + ": ") }.first
        }
        commit = field("commit")
        spec = field("spec")
    }
}

/// What of `runc features` we look at.
package struct RuntimeFeatures: Equatable, Sendable {
    package let mountOptions: [String]
    package let seccompEnabled: Bool

    package var hasRecursiveReadOnly: Bool { mountOptions.contains("rro") }

    /// `nil` where the text is not JSON, as of a runtime that does not know the command.
    package init?(json: [UInt8]) {
        do throws(JSONFault) {
            let features = try JSONValue.parse(json)
            mountOptions = features["mountOptions"]?.strings ?? []
            seccompEnabled = features["linux"]?["seccomp"]?["enabled"]?.bool == true
        } catch { return nil }
    }
}
