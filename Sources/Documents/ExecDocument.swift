//  The request for an exec, and its result.

package import JSON
import Kernel
package import Model

extension ExecSpec {
    private static let members = SpecTable<ExecSpec>([
        .required("args", \.args, { $0.args = $1 }, .texts { $0.arguments() }),
        .optional("env", \.env, { $0.env = $1 }, .map { $0.environment() }),
        .nullable("cwd", \.cwd, { $0.cwd = $1 }, .text { $0.path() }),
        .nullable("user", \.user, { $0.user = $1 }, .user),
        .nullable("stdin", \.inputText, { $0.inputText = $1 }, .text { $0.input() }),
        .optional("tty", \.hasTerminal, { $0.hasTerminal = $1 }, .bool),
        .object(
            "size",
            [
                .optional(
                    "columns", \.columns, { $0.columns = $1 },
                    .integer { $0.integer(in: DocumentLimits.terminalSize) }),
                .optional(
                    "rows", \.rows, { $0.rows = $1 },
                    .integer { $0.integer(in: DocumentLimits.terminalSize) }),
            ]),
        .optional("onDisconnect", \.onDisconnect, { $0.onDisconnect = $1 }, .disconnect),
        .nullable(
            "timeout", \.timeout, { $0.timeout = $1 },
            .thousandths(in: DocumentLimits.execTimeout)),
        .optional(
            "maxOutput", \.maxOutput, { $0.maxOutput = $1 },
            .integer { $0.integer(in: DocumentLimits.execOutput) }),
    ])

    private var hasTerminal: Bool {
        get { terminal != nil }
        set { terminal = newValue ? .usual : nil }
    }

    private var columns: Int64 {
        get { Int64((terminal ?? .usual).columns) }
        set { terminal?.columns = UInt16(clamping: newValue) }
    }

    private var rows: Int64 {
        get { Int64((terminal ?? .usual).rows) }
        set { terminal?.rows = UInt16(clamping: newValue) }
    }

    private var inputText: String? {
        get { input.map { String(decoding: $0, as: UTF8.self) } }
        set { input = newValue.map { Array($0.utf8) } }
    }

    /// Reads `POST …/tasks/{task}/exec`. `isStreamed`: whether the client's connection becomes the
    /// exec's, or a client can come later.
    package static func decode(
        _ value: JSONValue, isStreamed: Bool
    ) throws(DocumentFaults) -> ExecSpec {
        try decodeDocument(value) { object in
            var spec = ExecSpec(args: [])
            guard ExecSpec.members.read(&object, into: &spec) else { return nil }
            guard spec.terminal != nil else { return spec }
            if !isStreamed {
                object.log.add(
                    object.pointer.appending("tty"),
                    "needs the header Upgrade, with a protocol for the stream")
            }
            if spec.input != nil {
                object.log.add(
                    object.pointer.appending("stdin"),
                    "must be null, because the terminal is the input")
            }
            return spec
        }
    }
}

extension Codec<ExecSpec.Disconnect> {
    fileprivate static var disconnect: Codec {
        .parsed("'end' or 'keep'", { ExecSpec.Disconnect(rawValue: $0) }, text: \.rawValue)
    }
}

extension Field {
    /// Text for a standard input, which may contain NUL.
    fileprivate func input() -> String? {
        guard let text = value.string else {
            refuse("must be a string, and is \(value.kindName)")
            return nil
        }
        return text
    }
}

extension JSONWriter {
    /// How an exec ended.
    package mutating func members(of exec: ExecResult) {
        member("exitCode", exec.exitCode.map(Int64.init))
        member("signal", exec.signal?.description)
        member("timedOut", exec.timedOut)
        member("detail", exec.detail)
        member("startedAt", exec.startedAt)
        member("finishedAt", exec.finishedAt)
    }
}
