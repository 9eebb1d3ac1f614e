// The control files of an update, in directories that look like cgroups.

import Foundation
import Kernel
import ShimProtocol
import Testing

@testable import Linux
@testable import Shim

@Suite struct UpdatedFilesTests {
    /// A hierarchy of cgroup v1 or v2 with one task, whose cgroup has these files.
    private func withTask(
        _ files: [String: String], controllers: [String] = [],
        _ body: (UpdatedFiles, _ directory: String) throws -> Void
    ) throws {
        let top = FileManager.default.temporaryDirectory.path + "/staunch-unit-\(UUID())"
        defer { try? FileManager.default.removeItem(atPath: top) }
        let settings = ShimSettings(
            name: "web", uid: "u", podDirectory: top, dataDirectory: top, logDirectory: top,
            cgroup: "/u", ownNetwork: true, keepsHostNetwork: false, hostname: "web")
        let paths = TaskPaths(task: "app", settings: settings)
        let directory = top + paths.cgroup
        try FileManager.default.createDirectory(
            atPath: directory, withIntermediateDirectories: true)
        for (name, content) in files {
            try Data(content.utf8).write(to: URL(filePath: "\(directory)/\(name)"))
        }
        let hierarchies = [
            CgroupHierarchy(
                mountPoint: top, isUnified: controllers.isEmpty, controllers: controllers)
        ]
        try body(UpdatedFiles(TaskCgroup(paths, hierarchies), hierarchies), directory)
    }

    private func write(
        _ file: String, _ text: String, _ controller: String = "", isNeeded: Bool = true,
        isInherited: Bool = false
    ) -> ControlWrite {
        ControlWrite(
            member: "/m", controller: controller, file: file, text: text, isNeeded: isNeeded,
            isInherited: isInherited)
    }

    @Test("a file that must exist is missed by the member, and a limit that is lifted needs none")
    func finds() throws {
        try withTask(["pids.max": "7\n"]) { files, directory in
            let found = try files.find([
                write("pids.max", "9"), write("cpu.weight", "100", isNeeded: false),
            ])
            #expect(found.map(\.path) == [directory + "/pids.max"])
            #expect(found.map(\.former) == ["7\n"])
            #expect {
                try files.find([write("cpu.weight", "9")])
            } throws: {
                "\($0)".contains("'/m'") && "\($0)".contains("cpu.weight")
            }
        }
        try withTask(["pids.max": "7\n"], controllers: ["pids"]) { files, _ in
            let found = try files.find([write("pids.max", "9", "pids")])
            #expect(found.count == 1)
            #expect(throws: SystemCallFailure.self) {
                try files.find([write("pids.max", "9", "cpu")])
            }
        }
    }

    @Test("a cpuset of v1 gets its parent's value")
    func inherits() throws {
        try withTask(["cpuset.cpus": "0\n"], controllers: ["cpuset"]) { files, directory in
            let parent = URL(filePath: directory).deletingLastPathComponent().path
            try Data("0-3\n".utf8).write(to: URL(filePath: parent + "/cpuset.cpus"))
            let found = try files.find([
                write("cpuset.cpus", "", "cpuset", isNeeded: false, isInherited: true)
            ])
            #expect(found.map(\.text) == ["0-3"])
        }
    }

    @Test(
        "a file that cannot be put back with one write is refused",
        arguments: [
            "", "8:0 rbps=9 wbps=max\n", "8:0 7\n8:16 9\n", "default 100\n",
        ])
    func refuses(_ content: String) throws {
        try withTask(["io.x": content]) { files, _ in
            #expect(throws: SystemCallFailure.self) { try files.find([write("io.x", "9")]) }
        }
    }

    @Test("a file with one value is not", arguments: ["\n", "max\n", "max 100000\n", "7"])
    func accepts(_ content: String) throws {
        try withTask(["x.max": content]) { files, _ in
            let found = try files.find([write("x.max", "9")])
            #expect(found.map(\.former) == [content])
        }
    }

    @Test("v2's limit of memory is refused below what is used, as v1's")
    func memory() throws {
        let contents = ["memory.max": "max\n", "memory.current": "5000\n", "memory.reclaim": ""]
        try withTask(contents) { files, directory in
            func check(_ text: String) throws {
                for file in try files.find([write("memory.max", text)]) {
                    try UpdatedFiles.checkUse(file)
                }
            }
            try check("5000")
            try check("max")
            #expect {
                try check("4000")
            } throws: {
                ($0 as? SystemCallFailure)?.errno == EBUSY && "\($0)".contains("5000 bytes")
            }
            let reclaimed = try String(
                contentsOfFile: directory + "/memory.reclaim", encoding: .utf8)
            #expect(reclaimed == "1000", "the kernel is asked to take it away")
        }
    }
}
