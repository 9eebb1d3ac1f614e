// The helper that reads a task's log: `staunch-shim log`.

import EventLoop
package import Host
package import Kernel
import Linux
package import Model
package import ShimProtocol
import Synchronization

extension LinuxHost {
    package func readLog(
        _ pod: UID, _ task: Label, path: String?, _ query: LogQuery,
        ready: @escaping @Sendable () -> Void
    ) throws(SystemCallFailure) -> any LogSource {
        var words = ["log", "\(layout.settings.logDirectory)/\(pod)", task.text]
        if let path {
            guard let root = layout.settings.logRoot(of: path) else {
                // EPERM: the settings have changed since the task was created.
                throw SystemCallFailure(call: "open", subject: path, errno: 1)
            }
            words = ["client-log", root, path]
        }
        return try LogHelper(
            ["staunch-shim"] + words + query.words, path: try shimProgram(), ready: ready)
    }
}

/// The helper, its output, and a pipe whose end tells it that nothing will come. It also ends if it
/// writes after its output was closed, which the last reference does.
private final class LogHelper: LogSource {
    private let output: OwnedDescriptor
    private let control: Mutex<OwnedDescriptor?>
    private let ready: @Sendable () -> Void
    private let reads = ReadWatch()
    private let ending = Ending()

    /// The helper's exit code, when it has ended; -1 for a signal.
    private final class Ending: Sendable {
        let code = Mutex<Int32?>(nil)
    }

    @Loop init(
        _ words: [String], path: String, ready: @escaping @Sendable () -> Void
    ) throws(SystemCallFailure) {
        let output = try Pipe()
        let control = try Pipe()
        let null = try OwnedDescriptor.standardInput([])
        let pid = try Command(words, path: path).spawn(
            descriptors: [control.reading.number, output.writing.number, null.number])
        let reading = output.intoReading()
        try reading.setNonblocking()
        self.output = reading
        self.control = Mutex(control.intoWriting())
        self.ready = ready
        // It keeps no reference to this object, because the helper may wait for the output's end.
        onLoop { [ending, weak self] in
            let exit = await ChildEnd.of(pid)
            ending.code.withLock { $0 = exit?.code ?? -1 }
            self?.ready()
        }
    }

    func pull() -> LogPull {
        do throws(SystemCallFailure) {
            guard let bytes = try output.read(limit: 65536) else {
                watch()
                return .nothing
            }
            if !bytes.isEmpty { return .bytes(bytes) }
        } catch { return .failed }
        switch ending.code.withLock({ $0 }) {
        case nil: return .nothing
        case 0?: return .end
        default: return .failed
        }
    }

    /// It keeps this object until there is something to read, or the helper has ended.
    private func watch() { reads.begin(output.number, keeping: self, ready) }

    func finish() { control.withLock { $0 = nil } }

    func close() { finish() }
}
