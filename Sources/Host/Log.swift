// The log: one line of key=value to standard error for each notable event.

import EventLoop
import Model

package enum LogLevel: String, CaseIterable, Sendable {
    case error, warning, info, debug
}

package struct Log: Sendable {
    /// Writes nothing.
    package static let off = Log(nil) { _ in }

    private let level: LogLevel?
    private let sink: @Sendable (String) -> Void

    package init(
        _ level: LogLevel?, to sink: @escaping @Sendable (String) -> Void
    ) {
        self.level = level
        self.sink = sink
    }

    /// Writes one line. The message is constant; the varying facts are in the fields, in their
    /// order.
    package func write(
        _ level: LogLevel, _ message: StaticString,
        _ fields: KeyValuePairs<StaticString, String> = [:]
    ) {
        guard wants(level) else { return }
        var line = "time=\(EngineClock.now) level=\(level.rawValue)"
        line += " msg=\(Log.quoted("\(message)"))"
        for (key, value) in fields { line += " \(key)=\(Log.quoted(value))" }
        sink(line + "\n")
    }

    /// Whether a line of this level is written. Check it before a line that is expensive to make.
    package func wants(_ level: LogLevel) -> Bool {
        self.level.map { Log.rank(level) <= Log.rank($0) } ?? false
    }

    private static func rank(_ level: LogLevel) -> Int {
        switch level {
        case .error: 0
        case .warning: 1
        case .info: 2
        case .debug: 3
        }
    }

    /// Returns a single word as it is, and any other text in quotes and escaped.
    private static func quoted(_ text: String) -> String {
        let isWord = text.utf8.allSatisfy { $0 > 0x20 && $0 != 0x22 && $0 != 0x3d && $0 != 0x7f }
        if isWord && !text.isEmpty { return text }
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\n": quoted += "\\n"
            case _ where scalar.value < 0x20: quoted += " "
            case _: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}
