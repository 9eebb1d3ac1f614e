// What an idle pod costs, and the check at the end of each delete.

import Foundation
import Testing

extension Machine {
    @Suite(.needsDaemon) struct Frugality {
        @Test("the shim of an idle pod has at most 168 KiB of private memory")
        func idleShim() throws {
            try withDaemon { daemon, client in
                // The pages that several shims share are the program's.
                let pods = try ["one", "two", "three"].map { name in
                    try client.createPod(name, daemon.rootfs.sleeper)
                }
                var found: [Int] = []
                defer { print("idle shims: \(found) KiB private") }
                try eventually("the shims have at most that", within: 10) {
                    found = try pods.map { try privateKibibytes(of: $0.shimPID) }
                    return found.allSatisfy { $0 <= 168 }
                }
            }
        }

        private func privateKibibytes(of pid: Int32) throws -> Int {
            try #require(text(of: "/proc/\(pid)/smaps_rollup")).split(separator: "\n")
                .filter { $0.hasPrefix("Private_") }
                .compactMap { Int($0.split(separator: " ")[1]) }
                .reduce(0, +)
        }

        /// If nothing exists there, the program's first stage answers by itself. Otherwise it never
        /// does.
        @Test("the check for forbidden files sees every existing one")
        func absent() throws {
            let folder = "/tmp/staunch-test-absent-\(UUID().uuidString)"
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: false)
            defer {
                do { try FileManager.default.removeItem(atPath: folder) } catch {
                    Issue.record("\(error)")
                }
            }
            for name in ["file", "é"] {
                #expect(FileManager.default.createFile(atPath: folder + "/" + name, contents: nil))
            }
            try FileManager.default.createSymbolicLink(
                atPath: folder + "/link", withDestinationPath: "/nowhere")
            let deep = String(repeating: "d/", count: 2100)
            let looks: [(words: [String], told: String?)] = [
                ([folder, "none"], nil),
                ([folder + "/none", "none"], nil),
                ([folder + "/file", "none"], nil),
                ([folder, "none", folder, "neither"], nil),
                ([folder, "file"], "- staunch-shim: \(folder)/file is there\n"),
                ([folder, "é"], "- staunch-shim: \(folder)/é is there\n"),
                ([folder, "link"], "- staunch-shim: \(folder)/link is there\n"),
                ([folder, "none", folder, "file"], "- staunch-shim: \(folder)/file is there\n"),
                ([folder, deep], "ENAMETOOLONG staunch-shim: "),
                ([folder, "none", folder, deep], "ENAMETOOLONG staunch-shim: "),
                ([folder], "- staunch-shim: started by staunchd"),
            ]
            for look in looks {
                let words = [Installation.shim, "absent"] + look.words
                let result = try Command.run(words)
                guard let told = look.told else {
                    #expect(result == Command.Result(status: 0, output: ""), "\(words)")
                    continue
                }
                #expect(result.status == 1, "\(words)")
                #expect(result.output.hasPrefix(told), "\(words): \(result.output)")
            }
        }
    }
}
