// A daemon that is killed during or between its commits loses no acknowledged commit.

import Foundation
import Testing

@testable import Store

@Suite struct KillTests {
    @Test(arguments: [3, 20, 60, 150])
    func acknowledgedChangesSurviveSIGKILL(milliseconds: Int) async throws {
        let scratch = try Scratch()
        let path = scratch.path
        await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String, milliseconds] in
            let store = try Store(path: path)
            let acknowledged = try #require(FileHandle.creating(path + ".acknowledged"))
            Thread.detachNewThread {
                usleep(UInt32(milliseconds * 1000))
                kill(getpid(), SIGKILL)
            }
            for number in 1...10_000_000 {
                try store.commit(
                    change(number) {
                        $0.pods = [pod(number)]
                        $0.removedPods = [id(max(0, number - 50))]
                        $0.operations = [removal(number, endedAt: 1)]
                        $0.events = [EventRecord(revision: UInt64(number), document: [])]
                    })
                acknowledged.write(Data([1]))
            }
        }
        let count = Int(try scratch.bytes(".acknowledged").count)
        let store = try Store(path: path)
        let revision = Int(try store.revision())
        // The store may contain one commit whose acknowledgement was not written.
        #expect((count...count + 1).contains(revision), "\(count) acknowledged, \(revision) stored")
        #expect(try store.pods().count == min(revision, 50))
        #expect(try store.endedOperations(newest: .max).count == revision)
        #expect(try store.events(after: 0, limit: .max).last?.revision ?? 0 == UInt64(revision))
        try #require(count > 0 || milliseconds < 100, "nothing was acknowledged: a blind test")
    }
}

extension FileHandle {
    static func creating(_ path: String) -> FileHandle? {
        let made = FileManager.default.createFile(atPath: path, contents: nil)
        return made ? FileHandle(forWritingAtPath: path) : nil
    }
}
