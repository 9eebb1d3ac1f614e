//  The request for an exec, and its result.

package import JSON
package import Model

extension ExecSpec {
    private static let members = SpecTable<ExecSpec>([
        .required("args", \.args, { $0.args = $1 }, .texts { $0.arguments() }),
        .optional("env", \.env, { $0.env = $1 }, .map { $0.environment() }),
        .nullable("cwd", \.cwd, { $0.cwd = $1 }, .text { $0.path() }),
        .nullable("user", \.user, { $0.user = $1 }, .user),
        .nullable("stdin", \.inputText, { $0.inputText = $1 }, .text { $0.input() }),
        .nullable(
            "timeout", \.timeout, { $0.timeout = $1 },
            .thousandths(in: DocumentLimits.execTimeout)),
        .optional(
            "maxOutput", \.maxOutput, { $0.maxOutput = $1 },
            .integer { $0.integer(in: DocumentLimits.execOutput) }),
    ])

    private var inputText: String? {
        get { input.map { String(decoding: $0, as: UTF8.self) } }
        set { input = newValue.map { Array($0.utf8) } }
    }

    /// Reads `POST …/tasks/{task}/exec`.
    package static func decode(_ value: JSONValue) throws(DocumentFaults) -> ExecSpec {
        try decodeDocument(value) { object in
            var spec = ExecSpec(args: [])
            return ExecSpec.members.read(&object, into: &spec) ? spec : nil
        }
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
