// The parts of the document that follow from the pod's namespaces and from propagation.

import JSON
import Kernel
import Model
import OCI
import Testing

@Suite struct PodNamespaceTests {
    private func document(
        _ pod: PodSpec, _ mounts: [MountSpec] = [], pidNamespace: String? = nil,
        files: [BoundFile] = []
    ) throws -> JSONValue {
        try parsed(
            RuntimeSpec.document(
                for: task { $0.mounts = mounts }, in: pod, PodFolders(run: "/pod", data: "/data"),
                ids: root, rootfs: "/r", cgroupsPath: "/c", sharedMemory: "/pod/shm",
                pidNamespace: pidNamespace, files: files, seccomp: nil, host: plainHost))
    }

    private func types(_ document: JSONValue) -> [String?] {
        (document["linux"]?["namespaces"]?.elements ?? []).map { $0["type"]?.string }
    }

    @Test("a task has a PID namespace of its own, joins the given one, or has the host's")
    func pids() throws {
        let plain = try document(PodSpec(hostname: "h"))
        #expect(types(plain) == ["pid", "mount"])
        let own = plain["linux"]?["namespaces"]?.elements?.first
        #expect(own?["path"] == nil)
        let shared = try document(PodSpec(hostname: "h", sharePID: true), pidNamespace: "/pod/pid")
        let entries = shared["linux"]?["namespaces"]?.elements ?? []
        #expect(entries.map { $0["path"]?.string } == ["/pod/pid", nil])
        #expect(types(try document(PodSpec(hostname: "h", hostPID: true))) == ["mount"])
    }

    @Test("the pod's files come after the task's mounts, and are read-only")
    func files() throws {
        let mount = MountSpec(kind: .tmpfs(size: nil), target: "/t")
        let file = BoundFile(target: "/etc/hosts", source: "/pod/etc/hosts")
        let mounts = try document(PodSpec(hostname: "h"), [mount], files: [file])["mounts"]
        let last = (mounts?.elements ?? []).suffix(2)
        #expect(last.map { $0["destination"]?.string } == ["/t", "/etc/hosts"])
        #expect(last.last?["options"]?.strings?.contains("ro") == true)
    }

    @Test(
        "each mount has its propagation, and the root's lets it",
        arguments: [(.private, nil), (.slave, "rslave"), (.shared, "shared")]
            as [(MountPropagation, String?)])
    func propagation(_ propagation: MountPropagation, ofRoot: String?) throws {
        let mount = MountSpec(kind: .bind(source: "/s"), target: "/t", propagation: propagation)
        let made = try document(PodSpec(hostname: "h"), [mount])
        #expect(made["linux"]?["rootfsPropagation"]?.string == ofRoot)
        let options = made["mounts"]?.elements?.last?["options"]?.strings ?? []
        #expect(options.contains("r" + propagation.rawValue))
    }
}
