// The connection of a client that has become the stream of an exec or of a task. A helper of the
// shim's carries the bytes. This end only tells the client how an exec has ended that did not run,
// or why there is no stream.

import Documents
import Engine
import Host
import Kernel
import Linux
import Model
import ShimProtocol
import Synchronization

final class ClientStream: ExecConnection {
    private struct Ends: ~Copyable {
        var socket: OwnedDescriptor?
        /// The file of the standard input, if the request has one.
        var input: OwnedDescriptor?
    }

    let stream: WireStream
    private let ends: Mutex<Ends>

    /// Adopts the connection.
    init(_ socket: consuming OwnedDescriptor, _ stream: WireStream, input: [UInt8]?) {
        self.stream = stream
        var file: OwnedDescriptor?
        if let input {
            do { file = .some(try .memory(input)) } catch {}  // the input is then empty
        }
        ends = Mutex(Ends(socket: socket, input: file))
    }

    var passed: [CInt] {
        ends.withLock { ends in
            [ends.socket?.number, ends.input?.number].compactMap(\.self)
        }
    }

    /// The connection is kept, because the exec may end without having run.
    func handedOver() { ends.withLock { $0.input = nil } }

    /// The exec has ended. The keeper has told the client, unless no process ran.
    func execEnded(_ exec: PodOperation?) {
        let status = ExecStatus(of: exec.map { "\($0.id)" } ?? "", stream.framing)
        if let error = exec?.error {
            last(status.frames(error: error.code, detail: error.detail))
        } else if let result = exec?.exec, result.startedAt == nil, let code = result.exitCode {
            last(status.frames(exitCode: code, detail: result.detail))
        }
        ends.withLock { $0.socket = nil }
    }

    /// `exec` is `nil` if the stream is that of a task.
    func refuse(_ exec: String?, _ failure: Failure) {
        let status = ExecStatus(of: exec, stream.framing)
        last(status.frames(error: failure.code, detail: failure.detail))
        ends.withLock { $0.socket = nil }
    }

    /// Others carry the stream from now on.
    func release() { ends.withLock { $0.socket = nil } }

    /// The client has taken nothing yet, so there is room.
    private func last(_ bytes: [UInt8]) {
        ends.withLock { ends in
            do { _ = try ends.socket?.write(bytes[...]) } catch {}  // it has gone
            ends.socket?.shutDown()
        }
    }
}

/// The input of an exec whose client comes later.
final class DetachedInput: ExecPassing {
    private let file: Mutex<OwnedDescriptor?>

    init(_ input: [UInt8]?) throws(SystemCallFailure) {
        var made: OwnedDescriptor?
        if let input { made = .some(try .memory(input)) }
        file = Mutex(made)
    }

    var passed: [CInt] { file.withLock { [$0?.number].compactMap(\.self) } }
    func handedOver() { file.withLock { $0 = nil } }
}
