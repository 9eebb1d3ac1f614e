// The daemon's end of an exec's stream: a socket whose other end the shim's keeper has.

import Bytes
import EventLoop
package import Host
package import Kernel
import Linux
package import Model
import OCI
import ShimProtocol
import Synchronization

extension LinuxHost {
    package func execSource(
        _ input: [UInt8]?, ready: @escaping @Sendable () -> Void
    ) throws(SystemCallFailure) -> any ExecSource {
        try ExecSocket(input, ready: ready)
    }

    package func writeExec(
        _ pod: Pod, _ task: TaskSpec, _ exec: ExecSpec, id: String
    ) throws(SystemCallFailure) {
        let bundle = layout.bundle(pod.uid, task.name)
        let process = RuntimeSpec.process(of: exec, in: task, host: kernel.traits)
        let file = ExecFile(
            asRoot: process.asRoot, asOther: process.asOther, umask: task.security.umask)
        try Files.replace(WireExec.file(id, in: bundle), file.fileContent())
    }
}

final class ExecSocket: ExecSource {
    /// The descriptors for the shim.
    private final class Ends: Sendable {
        let numbers: [CInt]
        private let stream: OwnedDescriptor
        private let input: OwnedDescriptor?

        init(stream: consuming OwnedDescriptor, input: [UInt8]?) throws(SystemCallFailure) {
            var file: OwnedDescriptor?
            var numbers = [stream.number]
            if let input {
                let made = try OwnedDescriptor.memory(input)
                numbers.append(made.number)
                file = .some(made)
            }
            self.stream = stream
            self.input = file
            self.numbers = numbers
        }
    }

    private struct Reading {
        var frames = StreamFrameReader()
        /// Parts that are read and not taken.
        var parts: [ExecPull] = []
        var hasEnded = false
    }

    private let socket: OwnedDescriptor
    private let ends: Mutex<Ends?>
    private let reading = Mutex(Reading())
    private let ready: @Sendable () -> Void
    private let reads = ReadWatch()

    /// The input is a file of the process's, so that the daemon need not feed it.
    init(_ input: [UInt8]?, ready: @escaping @Sendable () -> Void) throws(SystemCallFailure) {
        let pair = try SocketPair().release()
        socket = OwnedDescriptor(adopting: pair.one)
        let other = OwnedDescriptor(adopting: pair.other)
        ends = Mutex(try Ends(stream: other, input: input))
        self.ready = ready
    }

    var passed: [CInt] { ends.withLock { $0?.numbers ?? [] } }

    func handedOver() { ends.withLock { $0 = nil } }

    func pull() -> ExecPull {
        let part = reading.withLock { reading -> ExecPull in
            if reading.parts.isEmpty { read(into: &reading) }
            if !reading.parts.isEmpty { return reading.parts.removeFirst() }
            return reading.hasEnded ? .end : .nothing
        }
        if case .nothing = part { watch() }
        return part
    }

    /// A keeper that is killed closes the socket, and what it sends is whole until then.
    private func read(into reading: inout Reading) {
        if reading.hasEnded { return }
        do throws(SystemCallFailure) {
            guard let bytes = try socket.read(limit: 65536) else { return }
            if bytes.isEmpty { reading.hasEnded = true }
            var parts: [ExecPull] = []
            do throws(StreamFault) {
                try reading.frames.read(bytes[...]) { channel, part, _ in
                    if part.isEmpty { return }
                    switch channel {
                    case .output: parts.append(.output(Array(part)))
                    case .errors: parts.append(.errors(Array(part)))
                    case .input, .status, .resize, .close: break
                    }
                }
            } catch { reading.hasEnded = true }
            reading.parts += parts
        } catch { reading.hasEnded = true }
    }

    /// It keeps this object until there is something to read.
    private func watch() { reads.begin(socket.number, keeping: self, ready) }

    func close() {
        handedOver()
        socket.shutDown()
    }
}
