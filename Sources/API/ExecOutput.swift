// The output of an exec on its way into an answer.

import Bytes
import Documents
import Engine
import HTTP
import Host
import JSON
import Model
import Synchronization

/// The output for one request. Any thread may call it.
final class ExecOutput: Sendable {
    private struct State {
        /// `nil` if another request has begun the exec, and has its output.
        var call: ExecCall?
        var most = 0
        var output: [UInt8] = []
        var errors: [UInt8] = []
        /// Bytes that are not in the answer, because there were too many.
        var dropped = (output: 0, errors: 0)
        var isStreamOver = false
        var isOperationOver = false
        var isResultTold = false
        var done: (@Sendable () -> Void)?
        weak var stream: HTTPStream?
    }

    private let state = Mutex(State())
    /// Parts that are read before other threads have their turn.
    private static let batch = 64

    func begin(_ spec: ExecSpec, isLive: Bool) -> ExecCall {
        let call = ExecCall(spec) { [weak self] in isLive ? self?.wakeStream() : self?.drain() }
        state.withLock { state in
            state.call = call
            state.most = Int(clamping: spec.maxOutput)
        }
        return call
    }

    /// Whether this request has begun the exec, and gets its output.
    var hasBegun: Bool { state.withLock { $0.call != nil } }

    func attach(_ stream: HTTPStream) { state.withLock { $0.stream = stream } }

    private func wakeStream() { _ = state.withLock { $0.stream }?.wake() }

    /// The client has its answer, or has gone: an exec that runs is ended.
    func close() { state.withLock { $0.call }?.close() }

    /// The operation has ended. Calls `done` when all output is read as well.
    func ended(_ done: @escaping @Sendable () -> Void) {
        let isDone = state.withLock { state in
            state.isOperationOver = true
            state.done = done
            return state.isStreamOver || state.call == nil
        }
        if isDone { done() }
        wakeStream()
    }

    /// Reads what there is, for an answer that comes at the end.
    private func drain() {
        guard let call = state.withLock({ $0.call }) else { return }
        for _ in 0..<ExecOutput.batch {
            switch call.pull() {
            case .output(let bytes): keep(bytes, in: \.output, \.dropped.output)
            case .errors(let bytes): keep(bytes, in: \.errors, \.dropped.errors)
            case .nothing: return
            case .end:
                let done = state.withLock { state in
                    state.isStreamOver = true
                    return state.isOperationOver ? state.done : nil
                }
                return done?() ?? ()
            }
        }
        call.goOn()
    }

    private func keep(
        _ bytes: [UInt8], in place: WritableKeyPath<State, [UInt8]>,
        _ dropped: WritableKeyPath<State, Int>
    ) {
        state.withLock { state in
            let room = state.most - state[keyPath: place].count
            state[keyPath: place] += bytes[..<min(room, bytes.count)]
            state[keyPath: dropped] += max(0, bytes.count - room)
        }
    }

    // MARK: Documents

    /// The answer at the end.
    func document(_ operation: PodOperation, _ result: ExecResult) -> HeapBytes {
        let (output, errors, dropped, isKept) = state.withLock { state in
            (state.output, state.errors, state.dropped, state.call != nil)
        }
        let isText = output.isUTF8 && errors.isUTF8
        var writer = JSONWriter(capacity: 512 + output.count + errors.count)
        writer.beginObject()
        writer.member("id", "\(operation.id)")
        writer.members(of: result)
        writer.member("stdout", isKept ? output.text(isText) : nil)
        writer.member("stderr", isKept ? errors.text(isText) : nil)
        writer.member("encoding", isText ? "utf-8" : "base64")
        writer.object("dropped") {
            $0.member("stdout", dropped.output)
            $0.member("stderr", dropped.errors)
        }
        writer.endObject()
        return writer.finish()
    }

    /// The next lines of a live answer: the output, and at last the result or the problem.
    func pull(_ id: UID, _ engine: Engine) -> HTTPStreamPull {
        let (call, isOver, isTold) = state.withLock { state in
            (state.call, state.isOperationOver, state.isResultTold)
        }
        switch call?.pull() ?? .end {
        case .output(let bytes): return .bytes(line("stdout", bytes))
        case .errors(let bytes): return .bytes(line("stderr", bytes))
        case .nothing: return .nothing
        case .end:
            if isTold { return .end }
            if !isOver { return .nothing }
            state.withLock { $0.isResultTold = true }
            return .bytes(last(id, engine) + [10])
        }
    }

    private func line(_ stream: String, _ bytes: [UInt8]) -> [UInt8] {
        let isText = bytes.isUTF8
        var writer = JSONWriter(capacity: 128 + bytes.count)
        writer.beginObject()
        writer.member("stream", stream)
        writer.member("encoding", isText ? "utf-8" : "base64")
        writer.member("data", bytes.text(isText))
        writer.endObject()
        return Array(writer.finish().bytes) + [10]
    }

    private func last(_ id: UID, _ engine: Engine) -> [UInt8] {
        guard case .found(let operation) = engine.operation(id) else { return [] }
        if let result = operation.exec {
            var writer = JSONWriter(capacity: 256)
            writer.beginObject()
            writer.member("id", "\(id)")
            writer.members(of: result)
            writer.endObject()
            return Array(writer.finish().bytes)
        }
        return Array(operation.document().bytes)
    }
}

extension [UInt8] {
    fileprivate var isUTF8: Bool { String(validating: self, as: UTF8.self) != nil }

    fileprivate func text(_ isText: Bool) -> String {
        if isText { return String(decoding: self, as: UTF8.self) }
        var text: [UInt8] = []
        appendBase64(span, to: &text)
        return String(decoding: text, as: UTF8.self)
    }
}
