// What an idle pod costs, and the check at the end of each delete.

import Foundation
import Testing

extension Machine {
    @Suite(.needsDaemon) struct Frugality {
        /// The pages of a stack depend on its random offset: one to three.
        @Test("the shim of an idle pod has at most 160 KiB of private memory beside its stack")
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
                    return found.allSatisfy { $0 <= 160 }
                }
            }
        }

        private func privateKibibytes(of pid: Int32) throws -> Int {
            var (sum, isStack) = (0, false)
            for line in try #require(text(of: "/proc/\(pid)/smaps")).split(separator: "\n") {
                let words = line.split(separator: " ")
                if !words[0].hasSuffix(":") { isStack = words.last == "[stack]" }
                if words[0].hasPrefix("Private_"), !isStack { sum += Int(words[1]) ?? 0 }
            }
            return sum
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
