// Directories for tests, and the commands that make them awkward.

import Foundation
import Glibc
import Kernel
import Linux

struct CommandFailed: Error { let text: String }

/// Runs a program to its end. Throws its output if it does not succeed.
@discardableResult
func shell(_ line: String) throws -> String {
    let process = Process()
    let output = Foundation.Pipe()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = ["-c", line]
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output
    process.standardError = output
    try process.run()
    let said = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    let text = String(decoding: said, as: UTF8.self)
    guard process.terminationStatus == 0 else { throw CommandFailed(text: "\(line): \(text)") }
    return text
}

/// A directory of its own on a disk. All its content is removed with it, mounts included.
final class Scratch {
    let path: String

    init() throws {
        path = "/var/tmp/staunch-linux-\(UUID())"
        try Files.makeDirectory(path)
    }

    /// The path of an entry in it.
    func callAsFunction(_ name: String) -> String { "\(path)/\(name)" }

    func directory(_ name: String) throws -> String {
        try Files.makeDirectories(self(name))
        return self(name)
    }

    func file(_ name: String, _ text: String = "canary") throws -> String {
        if let parent = Files.parent(of: self(name)) { try Files.makeDirectories(parent) }
        try Files.replace(self(name), Array(text.utf8))
        return self(name)
    }

    deinit {
        let mounts = (try? MountInfo.current()) ?? []
        for mount in mounts.reversed() where mount.mountPoint.hasPrefix(path + "/") {
            try? Mounts.unmount(mount.mountPoint)
        }
        _ = try? shell("chattr -R -ia '\(path)' 2>&1; rm -rf --one-file-system '\(path)'")
    }
}

/// Returns `true` as soon as `condition` is true; `false` if that exceeds the time limit.
func eventually(_ condition: () throws -> Bool) rethrows -> Bool {
    for _ in 0..<1000 {
        if try condition() { return true }
        usleep(10_000)
    }
    return false
}

/// Returns the `errno` that `body` fails with; 0 if it succeeds.
func errorNumber(_ body: () throws(SystemCallFailure) -> Void) -> CInt {
    do throws(SystemCallFailure) {
        try body()
        return 0
    } catch { return error.errno }
}

/// A program with a given name that sleeps until it is killed.
final class Sleeper {
    let pid: Int32

    init(named name: String = "sleep", in scratch: Scratch) throws {
        let program = try scratch.directory("\(UUID())") + "/\(name)"
        try shell("cp /bin/sleep '\(program)'")
        let null = try OwnedDescriptor.opening("/dev/null", O_RDWR)
        let command = Command(["sleep", "1000"], path: program)
        pid = try command.spawn(descriptors: [null.number, null.number, null.number])
    }

    deinit {
        Children.signal(pid, SIGKILL)
        // If a failed test left the process frozen, it does not die, so the wait is bounded.
        for _ in 0..<200 {
            guard let process = PidDescriptor.opening(pid), process.reap() == nil else { return }
            usleep(1000)
        }
    }
}
