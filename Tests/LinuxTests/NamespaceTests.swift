// Finds the holder of a namespace by its cgroups.

import Foundation
import Linux
import Testing

@Suite struct NamespaceTests {
    @Test("a process's cgroups tell its pod and task, and a shim's own cgroup tells the shim")
    func place() throws {
        func place(_ cgroups: String...) -> [String]? {
            let content = cgroups.map { "7:cpu,cpuacct:\($0)\n" }.joined()
            let below = ProcFS.cgroups(Array(content.utf8), below: Array("/staunch/".utf8))
            return PodPlace(below: below).map {
                [$0.pod, $0.task ?? "-", $0.isShim ? "shim" : "-"]
            }
        }
        #expect(place("/user.slice", "/staunch/u/pod/task-app") == ["u", "app", "-"])
        #expect(place("/staunch/u/pod/task-app/task-x") == ["u", "app", "-"])
        #expect(place("/staunch/u/shim") == ["u", "-", "shim"])
        #expect(place("/staunch/u/pod/shim") == ["u", "-", "-"])
        for other in ["/staunch", "/staunch-other/u/shim", "/other/staunch/u/shim", "/"] {
            #expect(place(other) == nil, "\(other)")
        }
    }

    @Test("a process below a parent of a client's belongs to the pod in the cgroup's name")
    func outside() {
        func place(_ cgroups: String...) -> [String]? {
            PodPlace(outside: cgroups, mark: "staunch-").map {
                [$0.pod, $0.task ?? "-", $0.isShim ? "shim" : "-"]
            }
        }
        #expect(place("/", "/kubepods/x/staunch-u/task-app") == ["u", "app", "-"])
        #expect(place("/kubepods/x/staunch-u/task-app/staunch-v/shim") == ["u", "app", "-"])
        #expect(place("/kubepods/x/other-u/task-app", "/staunch/u/shim") == nil)
    }

    @Test("a namespace keeps its identity for as long as it is open")
    func identity() throws {
        let pid = ProcessInfo.processInfo.processIdentifier
        let file = try OwnedDescriptor.opening("/proc/self/ns/uts", 0)
        let first = try #require(Namespaces.files(of: pid, ["uts", "moon"]).first)
        #expect(first.kind == "uts" && first.inode > 0 && first.made > 0)
        #expect(Namespaces.files(of: pid, ["uts"]) == [first])
        _ = consume file
        #expect(Namespaces.files(of: Int32.max, ["uts"]).isEmpty)
    }
}
