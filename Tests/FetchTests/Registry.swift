// Debian's docker-registry on loopback, and what its tests need: certificates, tokens, a proxy that
// cuts and stalls.

import Foundation
import Images
import Linux
import Synchronization
import Testing

enum Tools {
    /// scripts/setup installs them.
    static let areThere = ["docker-registry", "skopeo", "openssl"].allSatisfy { name in
        FileManager.default.isExecutableFile(atPath: "/usr/bin/\(name)")
    }

    /// Runs a program to its end and returns its output. Throws if it fails.
    @discardableResult
    static func run(_ words: String..., in directory: String) throws -> [UInt8] {
        let path = "\(directory)/output-\(UUID().uuidString)"
        let nowhere = try OwnedDescriptor.opening("/dev/null", O_RDWR)
        let output = try OwnedDescriptor.opening(path, O_RDWR | O_CREAT, mode: 0o600)
        let errors = try OwnedDescriptor.opening(
            path + ".errors", O_RDWR | O_CREAT, mode: 0o600)
        let command = Command(
            ["/bin/sh", "-c", "cd \"$0\" && exec \"$@\"", directory] + words,
            environment: ["PATH=/usr/bin:/bin", "HOME=\(directory)"])
        let pid = try command.spawn(
            descriptors: [nowhere.number, output.number, errors.number])
        while true {
            switch Children.take(pid) {
            case .lives: usleep(1000)
            case .stranger: throw POSIXError(.ECHILD)
            case .exit(let exit):
                let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
                guard exit.code == 0 else {
                    let said = try String(contentsOfFile: path + ".errors", encoding: .utf8)
                    throw ToolFailure(detail: "\(words): \(said)")
                }
                return Array(bytes)
            }
        }
    }
}

struct ToolFailure: Error { let detail: String }

/// A registry with a directory and a port of its own.
final class DockerRegistry {
    let port: UInt16
    private let pid: Int32

    var authority: String { "127.0.0.1:\(port)" }

    /// `http` and `auth` are lines of its configuration, in the given directory.
    init(in home: String, http: String = "", auth: String = "") throws {
        // Another process may take the port before the registry does; then the start is repeated.
        for _ in 0..<10 {
            let (listener, port) = try listenOnLoopback()
            close(listener)
            try """
            version: 0.1
            log: {level: error, accesslog: {disabled: true}}
            storage: {filesystem: {rootdirectory: \(home)/storage}}
            http:
              addr: 127.0.0.1:\(port)
            \(http)
            \(auth)
            """.write(toFile: "\(home)/registry.yml", atomically: false, encoding: .utf8)
            let log = try OwnedDescriptor.opening(
                "\(home)/registry.log", O_RDWR | O_CREAT | O_APPEND, mode: 0o600)
            let command = Command(
                ["docker-registry", "serve", "\(home)/registry.yml"],
                path: "/usr/bin/docker-registry", environment: ["PATH=/usr/bin:/bin"])
            let pid = try command.spawn(descriptors: [log.number, log.number, log.number])
            while case .lives = Children.take(pid) {
                if let connection = connectToLoopback(port) {
                    close(connection)
                    self.port = port
                    self.pid = pid
                    return
                }
                usleep(2000)
            }
        }
        throw ToolFailure(
            detail: try String(contentsOfFile: "\(home)/registry.log", encoding: .utf8))
    }

    func end() {
        kill(pid, SIGKILL)
        while case .lives = Children.take(pid) { usleep(1000) }
    }
}

func connectToLoopback(_ port: UInt16) -> CInt? {
    let number = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | O_CLOEXEC, 0)
    var address = loopback(port: port)
    let result = unsafe withUnsafePointer(to: &address) { pointer in
        unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { plain in
            unsafe connect(number, plain, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
    }
    if result == 0 { return number }
    close(number)
    return nil
}

/// Forwards connections to a port of loopback. Each connection ends after `limit` bytes of the
/// server, by a reset, or by silence every third time.
final class CuttingProxy: Sendable {
    let port: UInt16
    private let listener: CInt
    private let target: UInt16
    private let limit: Int
    private let count = Atomic(0)
    private let open = Mutex<Set<CInt>>([])

    var authority: String { "127.0.0.1:\(port)" }
    var connections: Int { count.load(ordering: .relaxed) }

    init(to target: UInt16, after limit: Int) throws {
        (listener, port) = try listenOnLoopback()
        self.target = target
        self.limit = limit
        Thread.detachNewThread { self.accept() }
    }

    func end() {
        shutdown(listener, Int32(SHUT_RDWR))
        open.withLock { open in for number in open { shutdown(number, Int32(SHUT_RDWR)) } }
    }

    private func accept() {
        while true {
            let client = Glibc.accept(listener, nil, nil)
            if client < 0 { break }
            guard let server = connectToLoopback(target) else { continue }
            open.withLock { $0.formUnion([client, server]) }
            let number = count.add(1, ordering: .relaxed).newValue
            Thread.detachNewThread {
                while let bytes = receiveSome(client), sendAll(bytes, on: server) {}
                shutdown(server, Int32(SHUT_RDWR))
            }
            Thread.detachNewThread { self.forward(server, client, number) }
        }
        close(listener)
    }

    private func forward(_ server: CInt, _ client: CInt, _ number: Int) {
        var left = limit
        while left > 0, let bytes = receiveSome(server) {
            let part = Array(bytes.prefix(left))
            left -= part.count
            guard sendAll(part, on: client) else { break }
        }
        if left == 0, number.isMultiple(of: 3) {
            while receiveSome(client) != nil {}
        }
        shutdown(client, Int32(SHUT_RDWR))
        shutdown(server, Int32(SHUT_RDWR))
        usleep(10_000)
        open.withLock { $0.subtract([client, server]) }
        close(client)
        close(server)
    }
}

/// An OCI layout on the disk, for skopeo.
extension FakeImage {
    func write(to folder: String) throws {
        try FileManager.default.createDirectory(
            atPath: "\(folder)/blobs/sha256", withIntermediateDirectories: true)
        for blob in layers + [config, manifest] {
            try Data(blob.bytes).write(
                to: URL(fileURLWithPath: "\(folder)/blobs/sha256/\(blob.digest.hex)"))
        }
        try #"{"imageLayoutVersion": "1.0.0"}"#.write(
            toFile: "\(folder)/oci-layout", atomically: false, encoding: .utf8)
        let entry = manifest.json(
            extra: #", "annotations": {"org.opencontainers.image.ref.name": "v"}"#)
        try #"{"schemaVersion": 2, "manifests": [\#(entry)]}"#.write(
            toFile: "\(folder)/index.json", atomically: false, encoding: .utf8)
    }
}
