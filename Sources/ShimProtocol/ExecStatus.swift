// The status of an exec, or of a task: the last thing on its stream, in JSON.

import Bytes
package import Kernel

package struct ExecStatus {
    /// The exec's id; `nil` if the stream is that of a task.
    private let id: String?
    private let framing: StreamFraming

    package init(of id: String?, _ framing: StreamFraming) {
        self.id = id
        self.framing = framing
    }

    /// The bytes at the end of the stream of an exec whose first process has ended; `nil` if that
    /// is not known.
    package func frames(_ end: WireExecEnd) -> [UInt8]? {
        let (code, signal): (Int32?, Int32?)
        switch end.outcome {
        case .exited(let number): (code, signal) = (number, nil)
        case .signaled(let number): (code, signal) = (nil, number)
        case .failed, .unknown: return nil
        }
        return switch framing {
        case .frames: ended(status(code, signal, timedOut: end.timedOut))
        case .webSocket: ended(kubernetes(code ?? 128 + (signal ?? 0)))
        }
    }

    /// The same for an exec that has exited with `code`.
    package func frames(exitCode code: Int32, detail: String?) -> [UInt8] {
        switch framing {
        case .frames: ended(status(code, nil, timedOut: false, detail: detail))
        case .webSocket: ended(kubernetes(code, detail: detail))
        }
    }

    /// The bytes at the end of the stream of a task whose first process has ended.
    package func frames(_ exit: TaskExit) -> [UInt8] {
        let (code, signal): (Int32?, Int32?)
        switch exit.status {
        case .code(let number): (code, signal) = (number, nil)
        case .signal(let number): (code, signal) = (nil, number)
        case .neverRan, .unknown: (code, signal) = (nil, nil)
        }
        return switch framing {
        case .frames: ended(status(code, signal))
        case .webSocket: ended(kubernetes(code ?? signal.map { 128 + $0 } ?? 255))
        }
    }

    /// The bytes at the end of the stream if no process runs, or the stream cannot go on. `code` is
    /// a problem's.
    package func frames(error code: String, detail: String) -> [UInt8] {
        var text = ByteBuilder()
        switch framing {
        case .frames:
            text.append("{")
            appendID(to: &text)
            text.append("\"error\":{\"code\":\"")
            text.append(escaping: code)
            text.append("\",\"detail\":\"")
            text.append(escaping: detail)
            text.append("\"}}")
        case .webSocket:
            text.append("{\"metadata\":{},\"status\":\"Failure\",\"reason\":\"InternalError\",")
            text.append("\"message\":\"")
            text.append(escaping: "\(code): \(detail)")
            text.append("\",\"code\":500}")
        }
        return ended(text.finish().bytes)
    }

    private func ended(_ document: [UInt8]) -> [UInt8] {
        framing.frame(.status, document[...]) + framing.ending
    }

    private func status(
        _ code: Int32?, _ signal: Int32?, timedOut: Bool? = nil, detail: String? = nil
    ) -> [UInt8] {
        var text = ByteBuilder()
        text.append("{")
        appendID(to: &text)
        text.append("\"exitCode\":")
        text.append(utf8: code.map { "\($0)" } ?? "null")
        text.append(",\"signal\":")
        text.append(utf8: signal.map { "\"\(SignalName.of($0))\"" } ?? "null")
        if let timedOut { text.append(utf8: ",\"timedOut\":\(timedOut)") }
        if let detail {
            text.append(",\"detail\":\"")
            text.append(escaping: detail)
            text.append("\"")
        }
        text.append("}")
        return text.finish().bytes
    }

    private func appendID(to text: inout ByteBuilder) {
        guard let id else { return }
        text.append("\"id\":\"")
        text.append(escaping: id)
        text.append("\",")
    }

    /// A `Status` of Kubernetes' meta/v1, as v4.channel.k8s.io and later ones have it.
    private func kubernetes(_ code: Int32, detail: String? = nil) -> [UInt8] {
        if code == 0 { return Array("{\"metadata\":{},\"status\":\"Success\"}".utf8) }
        var text = ByteBuilder()
        text.append("{\"metadata\":{},\"status\":\"Failure\",\"reason\":\"NonZeroExitCode\",")
        text.append("\"message\":\"")
        let whose = id == nil ? "task" : "exec"
        text.append(escaping: detail ?? "the \(whose) has ended with exit code \(code)")
        text.append("\",\"details\":{\"causes\":[{\"reason\":\"ExitCode\",\"message\":\"")
        text.append(utf8: "\(code)")
        text.append("\"}]}}")
        return text.finish().bytes
    }
}
