// The document, member by member. RealRuncTests shows that runc accepts it.

import JSON
import Kernel
import Model
import Testing

@testable import OCI

let plainHost = HostTraits(cgroupNamespace: false, limitsSwap: true)
let root = ResolvedUser(uid: 0, gid: 0)

func task(_ change: (inout TaskSpec) -> Void = { _ in }) throws -> TaskSpec {
    var task = TaskSpec(
        name: try #require(Label("app")), rootfs: "/srv/busybox", args: ["/bin/busybox", "true"])
    change(&task)
    return task
}

@Suite struct RuntimeSpecTests {
    var pod = PodSpec(hostname: "h")

    func document(
        _ task: TaskSpec, _ ids: ResolvedUser = root, seccomp: [UInt8]? = nil,
        host: HostTraits = plainHost
    ) throws -> JSONValue {
        try parsed(
            RuntimeSpec.document(
                for: task, in: pod, PodFolders(run: "/pod", data: "/data"),
                ids: ids, rootfs: "/r", cgroupsPath: "/staunch/u/tasks/app",
                sharedMemory: "/pod/shm", seccomp: seccomp, host: host))
    }

    @Test func theProcessIsAsGolden() throws {
        let process = try document(
            task {
                $0.env = ["LANG": "C", "A": "quote\" slash\\ tab\t é"]
                $0.dropCapabilities = ["ALL"]
                $0.addCapabilities = ["KILL"]
            })["process"]
        let golden = """
            {"terminal":false,"user":{"uid":0,"gid":0,"umask":18,"additionalGids":[]},\
            "args":["/bin/busybox","true"],"env":["A=quote\\" slash\\\\ tab\\u0009 é","LANG=C",\
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],"cwd":"/",\
            "capabilities":{"bounding":["CAP_KILL"],"effective":["CAP_KILL"],\
            "permitted":["CAP_KILL"]},"noNewPrivileges":true}
            """
        #expect(process == (try parsed(Array(golden.utf8))), "members in this order")
    }

    @Test("a compiled filter is an annotation, beside the document that other runtimes compile")
    func compiledFilters() throws {
        func document(_ compiled: String?) throws -> JSONValue {
            try parsed(
                RuntimeSpec.document(
                    for: try task(), in: pod, PodFolders(run: "/pod", data: "/data"), ids: root,
                    rootfs: "/r", cgroupsPath: "/c", sharedMemory: "/s",
                    seccomp: Array(#"{"syscalls":[]}"#.utf8), compiled: compiled, host: plainHost))
        }
        #expect(try document(nil)["annotations"] == nil)
        let both = try document("AAAA/+8=")
        #expect(both["annotations"]?["run.oci.seccomp_bpf_data"]?.string == "AAAA/+8=")
        #expect(both["linux"]?["seccomp"]?["syscalls"] == .array([]))
    }

    /// runc sets the value if there is one, and otherwise leaves it alone. Setting it needs a
    /// privilege.
    @Test func tasksOfADaemonThatIsSparedFromOOMAreNotSpared() throws {
        #expect(try document(task())["process"]?["oomScoreAdj"] == nil)
        var host = plainHost
        host.isSparedFromOOM = true
        #expect(try document(task(), host: host)["process"]?["oomScoreAdj"]?.integer == 0)
    }

    @Test func tasksHaveTheDescriptorLimitThatTheDaemonWasStartedWith() throws {
        #expect(try document(task())["process"]?["rlimits"] == nil)
        var host = plainHost
        host.descriptors = DescriptorLimit(soft: 1024, hard: 524_288)
        let golden = #"[{"type":"RLIMIT_NOFILE","hard":524288,"soft":1024}]"#
        #expect(
            try document(task(), host: host)["process"]?["rlimits"] == parsed(Array(golden.utf8)))
    }

    @Test func usersOtherThanRootHaveOnlyTheBoundingSet() throws {
        let ids = ResolvedUser(uid: 1000, gid: 100, additionalGIDs: [4, 5])
        let process = try document(task(), ids)["process"]
        #expect(process?["capabilities"]?.members?.map(\.name) == ["bounding"])
        #expect(process?["capabilities"]?["bounding"]?.strings?.count == 14)
        #expect(process?["user"]?["additionalGids"] == [4, 5])
    }

    @Test func onlyNamespacesOfTheTaskAreListedAndNoHostname() throws {
        func types(_ host: HostTraits) throws -> [String?]? {
            try document(task(), host: host)["linux"]?["namespaces"]?.elements?
                .map { $0["type"]?.string }
        }
        #expect(try types(plainHost) == ["pid", "mount"])
        var host = plainHost
        host.cgroupNamespace = true
        #expect(try types(host) == ["pid", "mount", "cgroup"])
        #expect(try document(task())["hostname"] == nil)
    }

    @Test func limitsAreInTheKernelsUnits() throws {
        let limited = try task {
            $0.resources = TaskResources(memory: 64 << 20, milliCPUs: 1500, pids: 7)
        }
        let resources = try document(limited)["linux"]?["resources"]
        #expect(resources?["memory"] == ["limit": 67_108_864, "swap": 67_108_864])
        #expect(resources?["cpu"] == ["quota": 150_000, "period": 100_000])
        #expect(resources?["pids"] == ["limit": 7])
        var host = plainHost
        host.limitsSwap = false
        let memory = try document(limited, host: host)["linux"]?["resources"]?["memory"]
        #expect(memory == ["limit": 67_108_864])
    }

    @Test func ownMountsComeOutermostFirst() throws {
        let given = [
            MountSpec(kind: .bind(source: "/a"), target: "/x/y", readOnly: true),
            MountSpec(kind: .tmpfs(size: 4096), target: "/x"),
            MountSpec(kind: .tmpfs(size: nil), target: "/a"),
        ]
        let mounts = try document(task { $0.mounts = RuntimeSpec.inOrder(given) })["mounts"]
        let own = try #require(mounts?.elements?.dropFirst(7))
        #expect(own.map { $0["destination"]?.string } == ["/x", "/a", "/x/y"])
        #expect(own.last?["options"]?.strings == ["rbind", "rprivate", "ro"])
        #expect(own.first?["options"]?.strings?.contains("size=4096") == true)
    }

    @Test("a volume is a bind mount of its directory, on the disk or in the sandbox")
    mutating func volumes() throws {
        pod.volumes = ["cache", "scratch"].compactMap { Label($0) }.map { VolumeSpec(name: $0) }
        pod.volumes[1].medium = .memory(size: 4096)
        let given = [
            MountSpec(kind: .volume(name: "cache"), target: "/a"),
            MountSpec(kind: .volume(name: "scratch"), target: "/b", readOnly: true),
        ]
        let mounts = try document(task { $0.mounts = given })["mounts"]
        let own = try #require(mounts?.elements?.dropFirst(7))
        let sources = ["/data/.volumes/cache", "/pod/volumes/scratch"]
        #expect(own.map { $0["source"]?.string } == sources)
        #expect(own.map { $0["type"]?.string } == ["bind", "bind"])
        let common = ["rbind", "rprivate", "nosuid", "nodev"]
        #expect(own.map { $0["options"]?.strings } == [common + ["rw"], common + ["ro"]])
    }

    @Test func onlyRecursiveReadOnlyAppliesToMountsBelow() throws {
        var mount = MountSpec(kind: .bind(source: "/a"), target: "/x")
        func options() throws -> [String]? {
            try document(task { $0.mounts = [mount] })["mounts"]?.elements?.last?["options"]?
                .strings
        }
        #expect(try options() == ["rbind", "rprivate", "rw"])
        mount.recursiveReadOnly = true
        #expect(try options() == ["rbind", "rprivate", "ro", "rro"])
    }
}
