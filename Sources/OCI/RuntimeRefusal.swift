// The reason of runc's failure, from its messages. Only this file parses their text. Every case has
// a recorded sample in RuntimeTests.

import JSON

package struct RuntimeRefusal: Error, Equatable, Sendable {
    package enum Cause: String, Equatable, Sendable, CaseIterable {
        /// The first of `args` is not in the rootfs, or not in PATH there.
        case executableNotFound
        /// It exists, but cannot be executed: its mode forbids it, or it is a directory.
        case executableNotPermitted
        /// The working directory is not a directory, and cannot be created. runc creates it if it
        /// can, even in a root that it makes read-only later.
        case cwdMissing
        /// The limit is too low for runc's own process.
        case memoryTooLow
        case mountSourceMissing
        case containerExists
        /// No such container. This is evidence about runc's records only, never about the machine
        /// (law 2).
        case containerUnknown
        case containerNotStopped
        case other
    }

    package let cause: Cause
    /// The runtime's last error, for people.
    package let message: String

    /// - Parameters:
    ///   - log: the file of `--log`: JSON lines, or text.
    ///   - standardError: the runtime's output there; used if the log has no error.
    package init(log: [UInt8], standardError: [UInt8]) {
        let logged = RuntimeRefusal.lastError(log) ?? RuntimeRefusal.lastError(standardError)
        let message = logged ?? "the runtime failed without a word"
        self.message = message
        cause = RuntimeRefusal.cause(message)
    }

    private static func lastError(_ bytes: [UInt8]) -> String? {
        let errors = bytes.split(separator: UInt8(ascii: "\n")).compactMap { error(Array($0)) }
        // The last errors of runc and crun may be mere consequences, but runc's repeats the cause.
        return errors.last
    }

    /// The message of a line; `nil` if it is a warning or less. A line that is not a log entry
    /// (truncated, or from a panic) is its own message.
    private static func error(_ line: [UInt8]) -> String? {
        // crun writes a path's raw bytes: invalid UTF-8 in them is repaired.
        let text = String(decoding: line, as: UTF8.self)
        if let entry = entry(text), let message = entry["msg"]?.string {
            let level = entry["level"]?.string ?? "error"
            return ["error", "fatal", "panic"].contains(level) ? message : nil
        }
        return line.allSatisfy { $0 <= 32 } ? nil : text
    }

    private static func entry(_ line: String) -> JSONValue? {
        do throws(JSONFault) { return try JSONValue.parse(Array(line.utf8)) } catch {
            return nil  // the line is shown as it is
        }
    }

    private static func cause(_ message: String) -> Cause {
        for (cause, marks) in samples where marks.contains(where: { has(message, $0) }) {
            return cause
        }
        return .other
    }

    /// Whether `message` contains all parts.
    private static func has(_ message: String, _ parts: [String]) -> Bool {
        parts.allSatisfy { message.contains($0) }
    }

    /// The first match counts: runc's messages (1.1), then crun's (1.8).
    private static let samples: [(Cause, [[String]])] = [
        (.memoryTooLow, [["unable to set memory limit"], ["memory limit too low"]]),
        (.containerExists, [["container with given ID already exists"]]),
        (
            .containerUnknown,
            [
                ["container does not exist"], ["cannot open directory", "No such file"],
                ["opening file", "/status`"],
            ]
        ),
        (.containerNotStopped, [["that is not stopped"], ["it is not stopped"]]),
        (.mountSourceMissing, [["error mounting", "no such file"], ["mount", "No such file"]]),
        (
            .cwdMissing,
            [
                ["mkdir", "read-only file system"], ["mkdir", "not a directory"],
                ["chdir to cwd"],
            ]
        ),
        (
            .executableNotFound,
            [
                ["executable file not found"], ["exec:", "no such file or directory"],
                ["executable file", "not found"],
            ]
        ),
        (
            .executableNotPermitted,
            [["exec:", "permission denied"], ["exec:", "is a directory"], ["open executable"]]
        ),
    ]
}
