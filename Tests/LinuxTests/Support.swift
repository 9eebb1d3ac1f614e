// Places to work in, and the commands that make them awkward.

import Foundation
import Glibc
import Linux

struct CommandFailed: Error { let text: String }

/// Runs a program to its end; throws what it said where it did not succeed.
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

/// A directory of its own on a disk. Whatever a test left in it goes with it: mounts, too.
final class Scratch {
    let path: String

    init() throws {
        path = "/var/tmp/staunch-linux-\(UUID())"
        try Files.makeDirectory(path)
    }

    /// The path of something in it.
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

/// `true` as soon as `condition` is; `false` where that takes longer than anything here should.
func eventually(_ condition: () throws -> Bool) rethrows -> Bool {
    for _ in 0..<1000 {
        if try condition() { return true }
        usleep(10_000)
    }
    return false
}

/// The `errno` that `body` fails with; 0 where it does not.
func errorNumber(_ body: () throws(SystemCallFailure) -> Void) -> CInt {
    do throws(SystemCallFailure) {
        try body()
        return 0
    } catch { return error.errno }
}

/// A program that sleeps, under a name of the test's choosing, until it is killed.
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
        // One that a failed test has left frozen does not die, and is not waited for.
        for _ in 0..<200 {
            guard let process = PidDescriptor.opening(pid), process.reap() == nil else { return }
            usleep(1000)
        }
    }
}
