import Foundation
import Linux
import ShimProtocol
import Synchronization
import Testing

@testable import Shim

/// A reader of a log in a thread of its own. Its lines are pulled on the thread of the test.
final class RunningReader {
    private let output: FileHandle
    private let control: Mutex<OwnedDescriptor?>
    private var pending = Data()

    init(_ home: LogHome, _ query: LogQuery) throws {
        let asking = try Linux.Pipe().release()
        let output = try Linux.Pipe().release()
        control = Mutex(OwnedDescriptor(adopting: asking.writing))
        self.output = FileHandle(fileDescriptor: output.reading, closeOnDealloc: true)
        Thread {
            do {
                try LogReader.run(
                    home, query, control: OwnedDescriptor(adopting: asking.reading),
                    output: OwnedDescriptor(adopting: output.writing))
            } catch { Issue.record("\(error)") }
        }.start()
    }

    /// The next line; `nil` at the end. It waits for it.
    func next() -> String? {
        while true {
            if let end = pending.firstIndex(of: 10) {
                defer { pending = Data(pending[(end + 1)...]) }
                return String(decoding: pending[..<end], as: UTF8.self)
            }
            let more = output.availableData
            if more.isEmpty { return nil }
            pending += more
        }
    }

    /// Tells the reader that nothing will come.
    func finish() { control.withLock { $0 = nil } }
}
