// podman through its REST API: a service and a storage directory of the run's own.

import Client
import JSON
import Kernel
import Linux

final class PodmanService: Sendable {
    private let child: Child
    private let stage: Stage
    /// podman keeps one file outside of its root directory, with any settings.
    private static let cache = "/var/lib/containers/cache/blob-info-cache-v1.boltdb"
    private let hadCache: Bool

    var endpoint: Endpoint { .unix(socket) }
    private let socket: String

    static var obstacle: RunFailure? {
        for (program, package) in [("podman", "podman"), ("conmon", "conmon")] {
            guard Program.find(program) == nil else { continue }
            return RunFailure(
                "--target podman: \(program) is not installed (apt install \(package) catatonit)")
        }
        return nil
    }

    init(_ stage: Stage, _ account: CPUAccount?) throws(RunFailure) {
        self.stage = stage
        let home = stage.home + "/podman"
        socket = home + "/podman.sock"
        do {
            hadCache = try Files.exists(PodmanService.cache)
            for directory in ["tmp", "libpod", "volumes"] {
                try Files.makeDirectories("\(home)/\(directory)")
            }
            try Files.replace(home + "/containers.conf", PodmanService.settings(home))
            child = try Child(
                PodmanService.words(home, socket), output: home + "/podman.log",
                environment: Command.path + [
                    "CONTAINERS_CONF=\(home)/containers.conf", "TMPDIR=\(home)/tmp",
                    "HOME=\(home)",
                ])
        } catch { throw RunFailure("podman: \(error)") }
        account?.add(child.pid)
        let client = HTTPClient(.unix(socket))
        guard wait(atMost: 30, { child.hasEnded || PodmanService.answers(client) }),
            !child.hasEnded
        else {
            putAway()
            throw RunFailure("podman's service does not start")
        }
    }

    private static func words(_ home: String, _ socket: String) -> [String] {
        [
            Program.find("podman") ?? "podman", "--root", home + "/root", "--runroot",
            home + "/runroot", "--cgroup-manager", "cgroupfs", "--runtime", "runc",
            "--events-backend", "none", "system", "service", "--time", "0", "unix://\(socket)",
        ]
    }

    /// podman's defaults require a limit that not every root may set, and locks that all podmans
    /// share.
    private static func settings(_ home: String) -> [UInt8] {
        Array(
            """
            [containers]
            default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
            [engine]
            lock_type = "file"
            tmp_dir = "\(home)/libpod"
            volume_path = "\(home)/volumes"
            """.utf8)
    }

    private static func answers(_ client: HTTPClient) -> Bool {
        do {
            return try client.send(Request("GET", "/libpod/_ping", patience: 5)).status == 200
        } catch { return false }
    }

    func putAway() {
        child.end()
        guard !hadCache else { return }
        ignoring("it was there before, or never came") { () throws(SystemCallFailure) in
            try Files.removeFile(PodmanService.cache)
            try Files.removeDirectory("/var/lib/containers/cache")
            try Files.removeDirectory("/var/lib/containers")
        }
    }
}

final class PodmanWorker: PodWorker {
    private let client: HTTPClient
    private let stage: Stage
    private let statistics: RunStatistics

    init(
        _ endpoint: Endpoint, _ stage: Stage, _ statistics: RunStatistics, _ interrupts: Interrupts
    ) {
        client = HTTPClient(endpoint) { interrupts.shouldAbandon }
        self.stage = stage
        self.statistics = statistics
    }

    func cycle(_ name: String, _ workload: Workload) throws(RunFailure) {
        do {
            let began = now()
            try create(name, workload)
            let made = now()
            statistics.record(.create, since: began)
            let reading = now()
            try ask("GET", "/libpod/pods/\(name)/json")
            statistics.record(.read, since: reading)
            Thread.pause(seconds: workload.hold)
            let deleting = now()
            try ask("DELETE", "/libpod/pods/\(name)?force=true&timeout=\(Int(workload.grace))")
            statistics.record(.delete, since: deleting)
            let took = made - began + (now() - deleting)
            statistics.change { state in
                state.pods += 1
                state.latencies.record(.pod, seconds: took)
            }
        } catch {
            statistics.surprise("podman: \(name): \(error)")
            Thread.pause(seconds: 0.1)
        }
    }

    private func create(_ name: String, _ workload: Workload) throws(ClientFailure) {
        try ask(
            "POST", "/libpod/pods/create",
            workload.podmanPod(name, cgroupParent: stage.cgroupParent))
        for task in workload.taskNames {
            let body = workload.podmanContainer("\(name)-\(task)", pod: name, rootfs: stage.rootfs)
            try ask("POST", "/libpod/containers/create", body)
        }
        try ask("POST", "/libpod/pods/\(name)/start")
    }

    private func ask(
        _ method: String, _ path: String, _ body: [UInt8]? = nil
    ) throws(ClientFailure) {
        let answer = try client.send(
            Request(method, "/v4.0.0" + path, body: body, patience: 300))
        guard (200..<300).contains(answer.status) else {
            throw .malformed("\(method) \(path): \(answer.status) \(answer.text)")
        }
    }
}
