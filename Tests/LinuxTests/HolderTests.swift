// Who holds a file system without a mount.

import Foundation
import Linux
import Testing

@Suite struct HolderTests {
    @Test("a file of another detached file system does not hold a tmpfs")
    func another() throws {
        let directory = "/tmp/staunch-holders-\(ProcessInfo.processInfo.processIdentifier)"
        try FileManager.default.createDirectory(
            atPath: directory, withIntermediateDirectories: true)
        defer { _ = unsafe rmdir(directory) }
        let script = """
            mount -t tmpfs none \(directory) && exec 3>\(directory)/file &&
            umount -l \(directory) && echo ready && read -r end
            """
        let (holder, output, input) = (Process(), Foundation.Pipe(), Foundation.Pipe())
        holder.executableURL = URL(fileURLWithPath: "/usr/bin/unshare")
        holder.arguments = ["-m", "sh", "-c", script]
        holder.standardOutput = output
        holder.standardInput = input
        try holder.run()
        defer { holder.waitUntilExit() }
        defer { input.fileHandleForWriting.closeFile() }
        #expect(output.fileHandleForReading.availableData == Data("ready\n".utf8))
        let device = try Superblocks.device(of: "/dev/shm")
        #expect(Superblocks.whyMemoryIsHeld(device, "/dev/shm", isKnownToLive: false) == nil)
    }
}
