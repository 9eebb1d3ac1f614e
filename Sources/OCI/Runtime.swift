// A runtime's accounts of itself (runc(8)).

import Bytes
import JSON

/// The calls by which a runtime tells what it is; each is one command line, the program first.
package enum Runtime {
    /// Prints text for `RuntimeVersion`.
    package static func version(_ program: String) -> [String] { [program, "--version"] }

    /// Prints JSON for `RuntimeFeatures` (runc 1.1, crun 1.9).
    package static func features(_ program: String) -> [String] { [program, "features"] }
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

    /// Whether it takes a compiled seccomp filter from its annotation `run.oci.seccomp_bpf_data`,
    /// instead of compiling `linux.seccomp`: crun(1), in 0.18 and in all later versions. If one
    /// did not know the annotation any more, it would compile, because the document has both.
    package var takesCompiledFilters: Bool {
        name == "crun" && version.upTo(".") == "1"
    }

    /// Whether it reports success although a task has no filter: crun does, if it was built without
    /// libseccomp. runc fails.
    package var mayOmitFilters: Bool { name == "crun" }

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
