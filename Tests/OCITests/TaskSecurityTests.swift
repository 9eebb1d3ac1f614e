// What a task may do besides the defaults, in the runtime's document.

import JSON
import Kernel
import Model
import Testing

@testable import OCI

@Suite struct TaskSecurityTests {
    private func document(
        _ task: TaskSpec, _ ids: ResolvedUser = root, devices: [DeviceNode] = [],
        host: HostTraits = plainHost
    ) throws -> JSONValue {
        try parsed(
            RuntimeSpec.document(
                for: task, in: PodSpec(hostname: "h"), PodFolders(run: "/pod", data: "/data"),
                ids: ids, rootfs: "/r", cgroupsPath: "/c", sharedMemory: "/pod/shm", seccomp: nil,
                devices: devices, host: host))
    }

    @Test("ambient capabilities are in every set, and the only ones of another user than root")
    func ambient() throws {
        let spec = try task {
            $0.dropCapabilities = ["ALL"]
            $0.addCapabilities = ["KILL"]
            $0.security.ambientCapabilities = ["NET_BIND_SERVICE"]
        }
        let both: JSONValue = ["CAP_KILL", "CAP_NET_BIND_SERVICE"]
        let one: JSONValue = ["CAP_NET_BIND_SERVICE"]
        let others: JSONValue = [
            "bounding": both, "effective": one, "permitted": one, "inheritable": one,
            "ambient": one,
        ]
        let user = ResolvedUser(uid: 7, gid: 7)
        #expect(try document(spec, user)["process"]?["capabilities"] == others)
        let roots: JSONValue = [
            "bounding": both, "effective": both, "permitted": both, "inheritable": one,
            "ambient": one,
        ]
        #expect(try document(spec)["process"]?["capabilities"] == roots)
    }

    @Test("a task's own limit of descriptors replaces the host's")
    func limits() throws {
        var host = plainHost
        host.descriptors = DescriptorLimit(soft: 1024, hard: 4096)
        let spec = try task {
            $0.security.rlimits = [
                ProcessLimit(type: "RLIMIT_CORE", soft: 0, hard: 1),
                ProcessLimit(type: "RLIMIT_NOFILE", soft: 5, hard: 6),
            ]
        }
        let golden = #"""
            [{"type":"RLIMIT_CORE","hard":1,"soft":0},{"type":"RLIMIT_NOFILE","hard":6,"soft":5}]
            """#
        #expect(
            try document(spec, host: host)["process"]?["rlimits"] == parsed(Array(golden.utf8)))
    }

    @Test("what the daemon lacks is in no set that a task did not name")
    func withheld() throws {
        var host = plainHost
        host.withheldCapabilities = ["SYS_RESOURCE", "CHOWN"]
        func bounding(_ change: (inout TaskSpec) -> Void) throws -> [String] {
            let process = try document(task(change), host: host)["process"]
            return try #require(process?["capabilities"]?["bounding"]?.strings)
        }
        #expect(try bounding { _ in }.count == 13)
        #expect(try bounding { $0.addCapabilities = ["ALL"] }.count == 39)
        #expect(try bounding { $0.security.isPrivileged = true }.count == 39)
        #expect(try bounding { $0.security.ambientCapabilities = ["ALL"] }.count == 39)
    }

    @Test("a limit without end is the kernel's number for that")
    func unlimited() throws {
        let spec = try task {
            $0.security.rlimits = [ProcessLimit(type: "RLIMIT_CORE", soft: 0, hard: .max)]
        }
        let text = RuntimeSpec.document(
            for: spec, in: PodSpec(hostname: "h"), PodFolders(run: "/pod", data: "/data"),
            ids: root, rootfs: "/r", cgroupsPath: "/c", sharedMemory: "/s", seccomp: nil,
            host: plainHost)
        #expect(String(decoding: text, as: UTF8.self).contains(#""hard":18446744073709551615"#))
    }

    @Test("an empty list of paths means none, and a list replaces the standard one")
    func paths() throws {
        let none = try document(
            task {
                $0.security.maskedPaths = []
                $0.security.readOnlyPaths = ["/etc"]
            })["linux"]
        #expect(none?["maskedPaths"] == [])
        #expect(none?["readonlyPaths"] == ["/etc"])
    }

    @Test("a device is made in the task, and the device cgroup allows it")
    func devices() throws {
        let node = DeviceNode(
            path: "/dev/fuse", kind: .character, major: 10, minor: 229, mode: 0o666, uid: 0, gid: 5,
            access: "rw")
        let linux = try document(task(), devices: [node])["linux"]
        #expect(
            linux?["devices"] == [
                [
                    "path": "/dev/fuse", "type": "c", "major": 10, "minor": 229, "fileMode": 438,
                    "uid": 0, "gid": 5,
                ]
            ])
        let golden = #"""
            [{"allow":false,"access":"rwm"},
            {"allow":true,"type":"c","major":10,"minor":229,"access":"rw"}]
            """#
        #expect(linux?["resources"]?["devices"] == (try parsed(Array(golden.utf8))))
    }

    @Test("a privileged task has every capability and device, and its /sys is writable")
    func privileged() throws {
        let spec = try task {
            $0.security.isPrivileged = true
            $0.security.maskedPaths = []
            $0.security.readOnlyPaths = []
        }
        let document = try document(spec)
        let set = document["process"]?["capabilities"]?["effective"]?.strings
        #expect(set?.count == Capabilities.all.count)
        let rules = document["linux"]?["resources"]?["devices"]
        #expect(rules == (try parsed(Array(#"[{"allow":true,"access":"rwm"}]"#.utf8))))
        let system = document["mounts"]?.elements?.filter {
            $0["destination"]?.string?.hasPrefix("/sys") == true
        }
        #expect(system?.count == 2)
        for mount in system ?? [] { #expect(mount["options"]?.strings?.contains("ro") == false) }
        #expect(document["linux"]?["maskedPaths"] == [])
    }

    @Test("the AppArmor profile and the umask are in the process")
    func process() throws {
        let spec = try task {
            $0.security.apparmor = "docker-default"
            $0.security.umask = 0o77
        }
        var host = plainHost
        #expect(try document(spec, host: host)["process"]?["apparmorProfile"] == nil)
        host.hasAppArmor = true
        let process = try document(spec, host: host)["process"]
        #expect(process?["apparmorProfile"] == "docker-default")
        #expect(process?["user"]?["umask"] == 63)
    }

    @Test("a profile of the runtime-spec lists its architectures, and may have flags")
    func profile() throws {
        let json = #"""
            {"defaultAction": "SCMP_ACT_ALLOW", "flags": ["SECCOMP_FILTER_FLAG_LOG"],
            "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
            "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_ERRNO"}]}
            """#
        let profile = try SeccompProfile(json: Array(json.utf8))
        let document = try parsed(
            profile.document(capabilities: [], on: .x86, kernel: [6, 1]))
        #expect(document["architectures"] == ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"])
        #expect(document["flags"] == ["SECCOMP_FILTER_FLAG_LOG"])
        let notify = #"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [], "listenerPath": "/s"}"#
        let failure = #expect(throws: SeccompFailure.self) {
            try SeccompProfile(json: Array(notify.utf8))
        }
        #expect("\(failure.map { "\($0)" } ?? "")".hasPrefix("listenerPath is not supported"))
    }
}
