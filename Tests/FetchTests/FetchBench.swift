// Directories for the program, and the program as a process.

import Foundation
import Images
import JSON
import Linux
import Testing

/// Directories of one fetch. Remove them with `end`.
final class FetchBench: Sendable {
    static let program: String = {
        if let bin = ProcessInfo.processInfo.environment["STAUNCH_BIN"] {
            return bin + "/staunch-fetch"
        }
        // Beside the bundle of the tests.
        let tests = CommandLine.arguments.first { $0.hasSuffix(".xctest") }
        let folder = tests.map { ($0 as NSString).deletingLastPathComponent }
        return (folder ?? FileManager.default.currentDirectoryPath + "/.build/debug")
            + "/staunch-fetch"
    }()

    let home: String

    init() throws {
        home = NSTemporaryDirectory() + "staunch-fetch-\(UUID().uuidString)"
        for name in ["ingest", "documents", "state", "registries"] {
            try FileManager.default.createDirectory(
                atPath: "\(home)/\(name)", withIntermediateDirectories: true)
        }
        // The parent is not searchable for the user of the fetcher: descriptors have to suffice.
        try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: home)
    }

    func end() {
        do { try FileManager.default.removeItem(atPath: home) } catch {
            Issue.record("\(home) stays: \(error)")
        }
    }

    /// The settings of a registry: by default, that it is plain.
    func configure(_ registry: String, _ file: String = "hosts.toml", _ text: String? = nil) throws
    {
        let folder = "\(home)/registries/\(registry)"
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true)
        try (text ?? "server = \"http://\(registry)\"\n").write(
            toFile: "\(folder)/\(file)", atomically: false, encoding: .utf8)
    }

    /// Fetches to the end.
    func fetch(
        _ reference: String, _ options: [String] = [], input: String = "",
        environment: [String: String] = [:], prefix: String? = nil
    ) throws -> FetchResult {
        let running = try start(
            reference, options, input: input, environment: environment, prefix: prefix)
        return try running.wait()
    }

    /// Starts the program as the daemon does: 3 is the lock, 4, 5 and 6 are the directories. `more`
    /// are descriptors that it should not keep. `prefix` are shell commands that run before, in the
    /// same process.
    func start(
        _ reference: String, _ options: [String] = [], input: String = "",
        environment: [String: String] = [:], prefix: String? = nil, more: Int = 0
    ) throws -> RunningFetch {
        let words =
            [FetchBench.program, "--registries", "\(home)/registries"]
            + ["--registry-auth", "\(home)/auth.json", "--stall", "2"] + options + [reference]
        let variables = ["HOME_": home, "PATH": "\(home)/bin:/usr/bin:/bin"].merging(environment) {
            $1
        }
        let shell = prefix.map { ["/bin/bash", "-c", "\($0); exec \"$@\"", "bash"] } ?? []
        let command = Command(
            shell + words, environment: variables.map { "\($0.key)=\($0.value)" })
        let stdin = try Linux.Pipe()
        let messages = try OwnedDescriptor.opening(
            "\(home)/messages", O_RDWR | O_CREAT | O_TRUNC, mode: 0o600)
        let lock = try OwnedDescriptor.opening("\(home)/lock", O_RDWR | O_CREAT, mode: 0o600)
        let ingest = try OwnedDescriptor.opening("\(home)/ingest", O_RDONLY)
        let documents = try OwnedDescriptor.opening("\(home)/documents", O_RDONLY)
        let state = try OwnedDescriptor.opening("\(home)/state", O_RDONLY)
        let pid = try command.spawn(
            descriptors: [
                stdin.reading.number, messages.number, messages.number, lock.number,
                ingest.number, documents.number, state.number,
            ] + Array(repeating: messages.number, count: more))
        try stdin.intoWriting().writeAll(Array(input.utf8))
        return RunningFetch(bench: self, pid: pid)
    }

    func bytes(_ name: String) throws -> [UInt8] {
        try Array(Data(contentsOf: URL(fileURLWithPath: "\(home)/\(name)")))
    }

    func names(_ folder: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: "\(home)/\(folder)").sorted()
    }

    /// The progress as it is now.
    func progress() throws -> JSONValue? {
        guard FileManager.default.fileExists(atPath: "\(home)/state/progress") else { return nil }
        return try JSONValue.parse(bytes("state/progress"))
    }
}

/// A process of which the test is the parent. Foundation's `Process` takes it for ended as soon as
/// it closes the descriptors that it does not know, so it is not used here.
final class RunningFetch {
    let bench: FetchBench
    let pid: Int32
    private var exit: ChildExit?

    init(bench: FetchBench, pid: Int32) {
        self.bench = bench
        self.pid = pid
    }

    deinit {
        if isRunning { _ = kill(pid, SIGKILL) }
    }

    var isRunning: Bool {
        guard exit == nil, case .exit(let found) = Children.take(pid) else { return exit == nil }
        exit = found
        return false
    }

    /// Waits for the end.
    func wait() throws -> FetchResult {
        while isRunning { usleep(1000) }
        let path = bench.home + "/state/result"
        let text =
            FileManager.default.fileExists(atPath: path)
            ? try String(contentsOfFile: path, encoding: .utf8) : "{}"
        return FetchResult(
            exit: exit?.code ?? -1, document: try JSONValue.parse(Array(text.utf8)), text: text,
            messages: String(decoding: try bench.bytes("messages"), as: UTF8.self))
    }

    /// Waits until the progress fulfils a condition. Ends the test if the process ends before.
    func until(_ condition: (JSONValue) -> Bool) throws {
        while true {
            if let progress = try bench.progress(), condition(progress) { return }
            try #require(isRunning, "ended too early: \(bench.home)")
            usleep(2000)
        }
    }

    func end(_ signal: CInt = SIGTERM) throws -> FetchResult {
        kill(pid, signal)
        return try wait()
    }
}

struct FetchResult {
    let exit: Int32
    let document: JSONValue
    let text: String
    let messages: String

    var state: String? { document["state"]?.string }
    var code: String? { document["error"]?["code"]?.string }
    var detail: String { document["error"]?["detail"]?.string ?? "" }
    var blobs: [JSONValue] { document["blobs"]?.elements ?? [] }

    func blob(_ blob: FakeBlob) -> JSONValue? {
        blobs.first { $0["digest"]?.string == blob.digest.text }
    }
}
