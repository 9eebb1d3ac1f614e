// Real plugins in network namespaces of the test's own: one in place of the host's, one of a pod.

import Foundation
import JSON
import Testing

@testable import CNI

/// Whether Debian's plugins, their tools and the privileges are here.
enum RealPlugins {
    static let directory = "/usr/lib/cni"
    static let tools = [
        "/usr/sbin/iptables-save", "/usr/sbin/iptables-restore", "/usr/bin/nsenter",
    ]

    static var areHere: Bool {
        let plugins = ["bridge", "host-local", "loopback", "portmap"].map { directory + "/" + $0 }
        return geteuid() == 0
            && (plugins + tools).allSatisfy(FileManager.default.isExecutableFile(atPath:))
    }
}

/// The namespaces and a directory for host-local. All are removed at the end.
final class PluginStage {
    let directory: String
    private let world: Holder
    private let pod: Holder

    /// The path of the pod's namespace. It is dead after `killPod`.
    var namespace: String { pod.path }

    init() throws {
        directory = "/tmp/staunch-cni-\(getpid())-\(UInt32.random(in: 0...(.max)))"
        try FileManager.default.createDirectory(
            atPath: directory, withIntermediateDirectories: true)
        world = try Holder()
        pod = try Holder()
    }

    deinit {
        pod.kill()
        world.kill()
        try? FileManager.default.removeItem(atPath: directory)
    }

    func killPod() { pod.kill() }

    /// Runs one process of a plugin in place of the host's namespace.
    func run(_ request: PluginRequest) throws -> PluginOutput {
        try command(
            ["\(RealPlugins.directory)/\(request.type)"], input: request.input,
            environment: request.variables)
    }

    func command(
        _ arguments: [String], input: [UInt8] = [],
        environment: [String: String] = ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"]
    ) throws -> PluginOutput {
        let child = Process()
        child.executableURL = URL(fileURLWithPath: "/usr/bin/nsenter")
        child.arguments = ["--net=" + world.path, "--"] + arguments
        child.environment = environment
        let (stdin, stdout, stderr) = (Pipe(), Pipe(), Pipe())
        (child.standardInput, child.standardOutput, child.standardError) = (stdin, stdout, stderr)
        try child.run()
        // A plugin may end without reading: the test process ignores SIGPIPE's error then.
        try? stdin.fileHandleForWriting.write(contentsOf: Data(input))
        try stdin.fileHandleForWriting.close()
        let output = try stdout.fileHandleForReading.readToEnd() ?? Data()
        let errors = try stderr.fileHandleForReading.readToEnd() ?? Data()
        child.waitUntilExit()
        let end: PluginOutput.End =
            child.terminationReason == .exit
            ? .exited(code: child.terminationStatus) : .killed(signal: child.terminationStatus)
        return PluginOutput(end: end, stdout: Array(output), stderr: Array(errors))
    }

    /// The rules of one family in place of the host's namespace.
    func saved(_ program: String = "iptables-save") throws -> IPTablesSave {
        let output = try command(["/usr/sbin/\(program)"])
        #expect(output.end == .exited(code: 0), "\(text(output.stderr))")
        return IPTablesSave(output.stdout)
    }

    /// Removes what is left of the pod in one transaction of each table.
    func remove(_ removal: RuleRemoval) throws {
        guard let input = removal.input else { return }
        let output = try command(["/usr/sbin/iptables-restore", "--noflush"], input: input)
        #expect(output.end == .exited(code: 0), "\(text(output.stderr)): \(text(input))")
    }

    /// The files of host-local for a network, by their names.
    func files(of network: String) throws -> [HostLocalFile] {
        let folder = "\(directory)/\(network)"
        return try FileManager.default.contentsOfDirectory(atPath: folder).sorted().map { name in
            let content = try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(name)"))
            return HostLocalFile(name: name, content: Array(content))
        }
    }
}

/// A process whose only purpose is its network namespace.
private final class Holder {
    private let process = Process()

    init() throws {
        process.executableURL = URL(fileURLWithPath: "/usr/bin/unshare")
        // The namespace exists when the shell prints a line.
        process.arguments = ["--net", "/bin/sh", "-c", "ip link set lo up; echo; exec sleep 600"]
        let ready = Pipe()
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = ready
        try process.run()
        try #require(ready.fileHandleForReading.availableData.isEmpty == false)
    }

    var path: String { "/proc/\(process.processIdentifier)/ns/net" }

    func kill() {
        guard process.isRunning else { return }
        // SIGTERM is blocked in children of Foundation.
        Foundation.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }
}
