// A disk that stops answering: ext4 on a loop device, on a file of Tests/Tools/stalling-disk.c.

import Foundation
import Glibc
import Testing

final class StallingDisk {
    let mountPoint: String
    private let home: String
    /// The disk stalls as long as this file exists.
    private let flag: String
    private let program: Process
    private let device: String
    private var held: [Process] = []

    /// Makes a disk and mounts it; it goes with the daemon. It is beside the daemon's directory and
    /// not in it, so that a census of the daemon does not see it.
    init(at mountPoint: String, of daemon: Daemon) throws {
        self.mountPoint = mountPoint
        home = daemon.home + "-disk"
        flag = home + "/stalled"
        try makeDirectory(home + "/file")
        try makeDirectory(mountPoint)
        try Command.expect("truncate", "-s", "128M", home + "/backing")
        program = try Command.start(
            try StallingDisk.tool.get(), home + "/backing", flag, home + "/file")
        let file = home + "/file/disk"
        try eventually("the disk is there", within: 5) { exists(file) }
        // One block group, so that all changes meet in its bitmaps.
        try Command.expect(
            "mkfs.ext4", "-q", "-F", "-b", "4096", "-E", "lazy_itable_init=0", file)
        device = try Command.expect("losetup", "-f", "--show", file)
            .trimmingCharacters(in: .whitespacesAndNewlines)
        try Command.expect("mount", device, mountPoint)
        daemon.heals.append { self.resume() }
        daemon.removals.append { self.putAway() }
    }

    /// From now on no write completes, and the writes in progress are held. A journal commit is in
    /// progress, so every process that changes anything waits with it.
    func stall() throws {
        // The first commit after a mount writes the journal's superblock before it locks anything.
        try makeDirectory(mountPoint + "/dirty")
        try Command.expect("sync", "-f", mountPoint)
        try makeDirectory(mountPoint + "/dirty/one")
        try write("", to: flag)
        try hold("sync", "-f", mountPoint)
        // The commit locks its blocks a moment later.
        var tries = 0
        try eventually("who changes anything waits for the disk", within: 10) {
            tries += 1
            return try isHeld("mkdir", mountPoint + "/dirty/try-\(tries)")
        }
    }

    /// Starts a program that ends, or waits for the disk. Returns whether it waits.
    private func isHeld(_ words: String...) throws -> Bool {
        let process = try Command.start(words)
        held.append(process)
        try eventually("\(words[0]) ends or waits", within: 10) {
            !process.isRunning || processState(process.processIdentifier) == "D"
        }
        // A disk that answers does not hold a process so long.
        for _ in 0..<20 where process.isRunning { Thread.sleep(forTimeInterval: 0.005) }
        return process.isRunning
    }

    /// Starts a program that must wait for the disk.
    private func hold(_ words: String...) throws {
        let process = try Command.start(words)
        held.append(process)
        try eventually("\(words[0]) waits for the disk", within: 10) {
            guard process.isRunning else { throw Broken("\(words[0]) did not wait") }
            return processState(process.processIdentifier) == "D"
        }
    }

    /// The disk answers again.
    func resume() {
        removeFile(flag)
        for process in held { process.waitUntilExit() }
        held = []
        do { try Command.run("rm", "-rf", mountPoint + "/dirty") } catch {
            Issue.record("\(error)")
        }
    }

    private func putAway() {
        do {
            try Command.expect("umount", mountPoint)
            try Command.expect("losetup", "-d", device)
            // Another test's shim may have a copy of the mount in its namespace, and hold it.
            let backing = "/sys/block/\(device.dropFirst("/dev/".count))/loop/backing_file"
            do {
                try eventually("the loop device is free", within: 10) {
                    text(of: backing)?.contains(home) != true
                }
            } catch {}
            try Command.expect("umount", "-l", home + "/file")
            kill(program.processIdentifier, SIGTERM)
            program.waitUntilExit()
            try Command.expect("rm", "-rf", "--one-file-system", home, mountPoint)
        } catch { Issue.record("the disk was not put away: \(error)") }
    }

    /// The program, built once for each run of the tests.
    private static let tool = Result {
        let source = Installation.root + "/Tests/Tools/stalling-disk.c"
        let program = Installation.root + "/.build/stalling-disk"
        let flags = "$(pkg-config --cflags --libs fuse3)"
        let script = "cc -O1 -Wall -Werror -o \(program) \(source) \(flags)"
        try Command.expect("sh", "-c", script)
        return program
    }
}

/// `R`, `S`, `D` …; `nil` if there is no such process.
func processState(_ pid: Int32) -> String? {
    guard let status = text(of: "/proc/\(pid)/stat"), let end = status.lastIndex(of: ")") else {
        return nil
    }
    return status[end...].dropFirst(2).first.map(String.init)
}

extension Command {
    /// Runs a program that must succeed, and returns its output.
    @discardableResult
    static func expect(_ words: String...) throws -> String {
        let (process, pipe) = try prepared(words)
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let output = String(
            decoding: try pipe.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Broken("\(words): \(output)") }
        return output
    }
}
