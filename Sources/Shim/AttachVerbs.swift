// setInput, attach: a task's own input and terminal, and the clients that use them.

import Kernel
import Linux
import ShimProtocol

extension Shim {
    func setInput(_ task: String, _ input: WireInput, id: UInt32) {
        let slot = slot(task)
        // A daemon repeats the request.
        if !slot.wasLaunched { slot.input = input }
        reply(id, .done)
    }

    func attach(
        _ task: String, _ stream: WireStream, _ passed: inout PassedDescriptors, id: UInt32
    ) {
        guard let socket = passed.next() else {
            return reply(id, .failed(.state, detail: "no descriptor came with the request"))
        }
        guard let slot = slots[task], slot.isAlive, let output = slot.output else {
            return reply(id, .failed(.notRunning, detail: "the task does not run"))
        }
        reply(id, output.attach(stream, SharedDescriptor(socket), hasBegun: slot.willRun))
    }

    /// Takes the terminal that the runtime has sent before its end. Without it, no one would see
    /// what the task writes, so it is killed then. Returns why there is none.
    func takeTerminal(of slot: TaskSlot) -> String? {
        guard slot.input.isTerminal, let output = slot.output else { return nil }
        defer { slot.console = nil }
        do throws(SystemCallFailure) {
            guard let terminal = try slot.console?.terminal() else {
                return "the runtime has sent no terminal"
            }
            // crun does not set the size that its document has. If it is set, nothing changes.
            let size = TerminalSize.usual
            try Terminal.setSize(terminal.number, columns: size.columns, rows: size.rows)
            try output.use(terminal)
            return nil
        } catch { return error.description }
    }
}

/// The socket to which the runtime sends a process's terminal.
final class Console {
    private let listener: PacketSocket
    private let directory: OwnedDescriptor
    private let name: String

    /// Listens in the directory. A socket's address has room for a short path only, so it leads
    /// through the open directory.
    init(_ name: String, in directory: String) throws(SystemCallFailure) {
        self.name = name
        self.directory = try .directory(directory)
        listener = try .listening(as: name, in: self.directory, forStreams: true)
    }

    /// Valid as long as this object and the calling process live.
    var path: String { "/proc/\(OwnProcess.pid)/fd/\(directory.number)/\(name)" }

    /// Returns the terminal; `nil` if none was sent. The caller owns it.
    func terminal() throws(SystemCallFailure) -> OwnedDescriptor? {
        guard let connection = try listener.accept(),
            var packet = try connection.receiveWithDescriptors()
        else { return nil }
        return packet.descriptors.next()
    }
}
