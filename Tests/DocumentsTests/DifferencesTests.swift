import Documents
import JSON
import Model
import Testing

@Suite struct DifferencesTests {
    private let task = TaskSpec(name: app, rootfs: "/r", args: ["sh"], env: ["A": "1"])

    private func places(_ change: (inout TaskSpec) -> Void) -> [String] {
        var changed = task
        change(&changed)
        return changed.differences(from: task).map(\.pointer.text)
    }

    @Test func equalSpecsDoNotDiffer() {
        let spec = PodSpec(hostname: "h", tasks: [task])
        #expect(spec.differences(from: spec).isEmpty)
        #expect(task.differences(from: task).isEmpty)
    }

    @Test func eachFieldOfATaskHasItsPlace() throws {
        #expect(places { $0.labels = ["a/b": "1"] } == ["/labels/a~1b"])
        #expect(places { $0.annotations = ["n": "1"] } == ["/annotations/n"])
        #expect(places { $0.rootfs = "/s" } == ["/rootfs/path"])
        #expect(places { $0.readOnlyRootfs = true } == ["/rootfs/readOnly"])
        #expect(places { $0.args = ["sh", "-c"] } == ["/args"])
        #expect(places { $0.env = ["B": "1"] } == ["/env/A", "/env/B"])
        #expect(places { $0.cwd = "/x" } == ["/cwd"])
        let user = try #require(UserSpec("1"))
        #expect(places { $0.user = user } == ["/user"])
        #expect(
            places { $0.mounts = [MountSpec(kind: .tmpfs(size: nil), target: "/t")] } == ["/mounts"]
        )
        #expect(places { $0.resources = TaskResources() } == ["/resources/pids"])
        #expect(places { $0.resources.milliCPUs = 1 } == ["/resources/cpus"])
        #expect(places { $0.resources.memory = 1 } == ["/resources/memory"])
        #expect(places { $0.addCapabilities = ["KILL"] } == ["/capabilities/add"])
        #expect(places { $0.dropCapabilities = ["KILL"] } == ["/capabilities/drop"])
        #expect(places { $0.noNewPrivileges = false } == ["/noNewPrivileges"])
        #expect(places { $0.compat32 = false } == ["/compat32"])
        #expect(places { $0.stopSignal = .kill } == ["/stopSignal"])
        #expect(places { $0.gracePeriod = 1 } == ["/gracePeriod"])
        #expect(places { $0.start = false } == ["/start"])
    }

    /// Both spellings of `é` are the same text for Swift, but two directories for the kernel.
    @Test func otherBytesAreADifference() {
        var old = task
        old.rootfs = "/\u{e9}"
        old.env = ["\u{e9}": "1"]
        old.mounts = [MountSpec(kind: .bind(source: "/\u{e9}"), target: "/t")]
        func places(_ change: (inout TaskSpec) -> Void) -> [String] {
            var new = old
            change(&new)
            return new.differences(from: old).map(\.pointer.text)
        }
        #expect(places { $0.rootfs = "/e\u{301}" } == ["/rootfs/path"])
        #expect(places { $0.mounts[0].kind = .bind(source: "/e\u{301}") } == ["/mounts"])
        #expect(places { $0.env = ["e\u{301}": "1"] } == ["/env/e\u{301}", "/env/\u{e9}"])
    }

    @Test func eachFieldOfAPodHasItsPlace() {
        let old = PodSpec(labels: ["a/b": "1"], hostname: "h", tasks: [task])
        var other = task
        other.cwd = "/x"
        other.name = label("new")
        var changed = task
        changed.start = false
        let new = PodSpec(
            labels: ["a/b": "2"], annotations: ["n": "1"], hostname: "i", network: .host,
            resources: Resources(memory: 7_000_000), tasks: [changed, other])
        let found = new.differences(from: old)
        #expect(
            found.map(\.pointer.text) == [
                "/annotations/n", "/hostname", "/labels/a~1b", "/network/mode", "/resources/memory",
                "/tasks/app/start", "/tasks/new",
            ])
        #expect(found[1].detail == "is 'h', and 'i' is asked for")
        #expect(found[4].detail == "is not set, and 7000000 is asked for")
        let back = old.differences(from: new)
        #expect(back.last?.pointer.text == "/tasks/new")
        #expect(back.last?.detail == "is an object, and is not asked for")
    }
}
