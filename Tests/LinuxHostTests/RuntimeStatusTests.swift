// What a create needs of the host: the last check's result, and when the next check happens.

import Host
import Linux
import OCI
import Testing

@testable import LinuxHost

private let settings = ["a", "b"].map { RuntimeChoice(name: $0, program: $0) }

@Suite struct RuntimeStatusTests {
    private let second: Int64 = 1_000_000_000

    @Test("before the first look nothing is usable, and no filter is assumed")
    func unseen() {
        var status = RuntimeStatus(settings)
        #expect(!status.usableParts.contains { $0.isUsable })
        #expect(status.refusal == "the shim's program has not been looked at yet")
        #expect(status.filter.value == nil)
        status.shim = .usable("")
        status.filter = .usable(.none)
        #expect(status.refusal(of: "b") == "the runtime 'b' has not been looked at yet")
    }

    @Test("each part alone blocks creates, with its own reason", arguments: 0..<3)
    func parts(_ index: Int) {
        var status = RuntimeStatus.usable
        #expect(status.refusal == nil)
        switch index {
        case 0: status.shim = .unusable("why")
        case 1: status.filter = .unusable("why")
        default: status.runtimes[0].sight = .unusable("why")
        }
        let unusable = status.usableParts.filter { !$0.isUsable }
        #expect(unusable.map(\.part) == [RuntimeStatus.Part.allCases[index]])
        #expect(status.refusal == "why")
        #expect(status.refusal(of: "a") == "why")
        #expect(status.refusal(of: "b") == (index < 2 ? "why" : nil), "another runtime")
    }

    @Test("a runtime that is not in the settings is refused by name")
    func unknown() {
        let status = RuntimeStatus.usable
        #expect(status.refusal(of: "b") == nil)
        #expect(
            status.refusal(of: "c")
                == "the runtime 'c' is not in the daemon's settings, which have 'a', 'b'")
    }

    @Test("a runtime that pods need not have delays no look for others")
    func otherRuntime() {
        var status = RuntimeStatus.usable
        status.runtimes[1].sight = .unusable("why")
        _ = status.beginLook()
        status.endLook(at: second)
        #expect(!status.isDue(at: 2 * second), "the default is usable")
        #expect(status.isDue(at: 2 * second, for: "b"))
        #expect(status.pause(60_000, at: second) == 250, "it is looked for by itself")
    }

    @Test("one look runs at a time, and the next is due sooner while creates are refused")
    func due() {
        var status = RuntimeStatus.usable
        #expect(!status.isDue(at: 100 * second), "the first look is the start's")
        let (begins, beginsTwice) = (status.beginLook(), status.beginLook())
        #expect(begins && !beginsTwice)
        #expect(!status.isDue(at: 100 * second))
        status.endLook(at: second)
        #expect(!status.isDue(at: 5 * second))
        #expect(status.isDue(at: 6 * second))
        status.runtimes[0].sight = .unusable("why")
        #expect(!status.isDue(at: second + second / 10))
        #expect(status.isDue(at: second + second / 5))
    }

    @Test("after a failure the looks repeat, first soon and then more slowly, without end")
    func pauses() {
        var status = RuntimeStatus.usable
        #expect(status.pause(60_000, at: 0) == 0, "the first look is due at once")
        status.runtimes[0].sight = .unusable("why")
        var pauses: [Int64] = []
        for time in 1...70 {
            _ = status.beginLook()
            status.endLook(at: Int64(time) * second)
            pauses.append(status.pause(60_000, at: Int64(time) * second))
        }
        #expect(pauses.prefix(8) == [250, 500, 1000, 2000, 4000, 8000, 16_000, 30_000])
        #expect(pauses.last == 30_000)
        status.runtimes = RuntimeStatus.usable.runtimes
        _ = status.beginLook()
        status.endLook(at: 100 * second)
        #expect(status.pause(60_000, at: 100 * second) == 60_000)
        #expect(status.pause(60_000, at: 130 * second) == 30_000)
        #expect(status.pause(60_000, at: 160 * second) == 0)
        status.runtimes[0].sight = .unusable("why")
        _ = status.beginLook()
        status.endLook(at: 101 * second)
        #expect(status.pause(60_000, at: 101 * second) == 250)
    }
}

extension RuntimeStatus {
    /// Every part is usable.
    fileprivate static var usable: RuntimeStatus {
        guard let version = RuntimeVersion(Array("runc version 1".utf8), program: "runc") else {
            preconditionFailure("no version can be read")
        }
        var status = RuntimeStatus(settings)
        status.shim = .usable("")
        status.filter = .usable(.none)
        for index in status.runtimes.indices {
            status.runtimes[index].sight = .usable(
                RuntimeFacts(
                    file: ProgramFile(path: "runc", marks: ""), version: version,
                    hasRecursiveReadOnly: true))
        }
        return status
    }
}
