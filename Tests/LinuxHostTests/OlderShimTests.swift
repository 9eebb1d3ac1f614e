// Requests to shims that an earlier version of the daemon started.

import Foundation
import Host
import Model
import ShimProtocol
import Testing

@testable import LinuxHost

@Suite final class OlderShimTests {
    private let pod = UID(high: 0x0192_0000_0000_7000, low: 1)
    private let directory: String
    private let older: OlderShim

    init() throws {
        directory = "/tmp/staunch-test-\(getpid())-\(UInt32.random(in: 0...(.max)))"
        var settings = Settings()
        settings.runDirectory = directory
        older = OlderShim(pod: pod, layout: Layout(settings: settings)) { "/usr/sbin/runc" }
    }

    deinit { try? FileManager.default.removeItem(atPath: directory) }

    private func make(_ path: String) throws {
        try FileManager.default.createDirectory(
            atPath: "\(directory)/pods/\(pod)/runtime/\(path)", withIntermediateDirectories: true)
    }

    /// The words of the runtime's command line in the packet.
    private func words(_ request: ShimRequest) -> [Substring] {
        let text = String(
            decoding: older.packet(request, id: 1).map { $0 < 32 ? 32 : $0 }, as: UTF8.self)
        return text.split(separator: " ")
    }

    @Test("a container is found by its state, and otherwise has the id of its document")
    func ids() throws {
        let document = TaskDocument(
            runtime: "/elsewhere", id: "made", lower: "/", user: "0", startsAtOnce: true)
        #expect(words(.create(task: "app", document)).last == "made")
        #expect(words(.create(task: "app", document)).contains("run"))
        try make("app/found")
        #expect(words(.start(task: "app")).suffix(2) == ["start", "found"])
        let root = Substring("\(directory)/pods/\(pod)/runtime/app")
        #expect(words(.delete(task: "app")).contains(root))
    }

    @Test("a container of the first daemons has the task's name as its id")
    func byName() throws {
        try make("app/state.json")
        let words = words(.delete(task: "app"))
        #expect(words.suffix(2) == ["delete", "app"])
        #expect(words.contains(Substring("\(directory)/pods/\(pod)/runtime")))
    }
}
