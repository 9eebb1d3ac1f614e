// What a plugin's process left: its end and its output (SPEC.md sections 2 and 5).

import Bytes
import JSON

/// The end of a plugin's process.
package struct PluginOutput: Equatable, Sendable {
    package enum End: Equatable, Sendable {
        case exited(code: Int32)
        case killed(signal: Int32)
    }

    /// The caller reads at most so many bytes of each stream, and reads on without keeping them.
    package static let byteLimit = 4 << 20

    package let end: End
    package let stdout: [UInt8]
    package let stderr: [UInt8]
    /// Whether standard output had more bytes than the caller kept.
    package let isCut: Bool

    package init(end: End, stdout: [UInt8], stderr: [UInt8] = [], isCut: Bool = false) {
        self.end = end
        self.stdout = stdout
        self.stderr = stderr
        self.isCut = isCut
    }

    /// The result of an ADD that was asked in `asked`.
    package func added(asked: CNIVersion) throws(PluginFailure) -> AddResult {
        try succeeded()
        return try AddResult.parse(document(), asked: asked)
    }

    /// DEL, CHECK, STATUS and GC have no result. A plugin may print something all the same.
    package func succeeded() throws(PluginFailure) {
        switch end {
        case .exited(code: 0):
            if let error = PluginError(document: stdout) { throw .reported(error) }
        case .exited(let code): throw failure(code: code)
        case .killed(let signal): throw .killed(signal: signal)
        }
    }

    /// The known versions of VERSION's answer, in ascending order.
    package func versions() throws(PluginFailure) -> [CNIVersion] {
        try succeeded()
        let reader = try ResultReader(ResultReader.source(document()))
        let texts = try reader.strings("supportedVersions", isRequired: true)
        return Set(texts.compactMap(CNIVersion.init).filter(\.isKnown)).sorted()
    }

    private func document() throws(PluginFailure) -> [UInt8] {
        if isCut || stdout.count > PluginOutput.byteLimit {
            throw .tooMuchOutput(limit: PluginOutput.byteLimit)
        }
        if stdout.allSatisfy({ $0 <= 0x20 }) { throw .noOutput(stderr: excerpt(stderr)) }
        return stdout
    }

    /// Error documents are on standard output, and a few plugins write them to standard error.
    private func failure(code: Int32) -> PluginFailure {
        if let error = PluginError(document: stdout) ?? PluginError(document: stderr) {
            return .reported(error)
        }
        return .unexplained(code: code, output: excerpt(stdout), stderr: excerpt(stderr))
    }
}
