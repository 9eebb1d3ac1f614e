// A disk that is full at any byte, or out of inodes, is `no-space`: a full disk is the host's
// fault, and no layer's. The disks are mounted in a namespace of the test's own.

import Foundation
import Kernel
import LayerProtocol
import Linux
import Testing

@Suite struct SpaceTests {
    let scratch: Scratch
    let words: String

    init() throws {
        scratch = try Scratch()
        let tar = Tar.good.whole
        _ = try scratch.write("blob", tar)
        let digest = sha256(tar)
        let request = LayerCommand.Unpacking(
            ingest: scratch("disk/x"), blob: digest, diffID: digest)
        words = LayerCommand.unpack(request).arguments().joined(separator: " ")
    }

    /// Runs the unpacker on a disk that `mount` mounts; returns its result.
    private func unpack(mount: String) throws -> LayerResult? {
        let script = """
            set -e; mkdir -p '\(scratch("disk"))'; cd '\(scratch.path)'; \(mount); mkdir disk/x
            '\(program)' \(words) <blob >result 2>&1 || true
            """
        _ = try scratch.write("script", Array(script.utf8))
        try shell("unshare -m sh '\(scratch("script"))'")
        return LayerResult(try Files.read(scratch("result")))
    }

    private func expectNoSpace(_ result: LayerResult?) {
        guard case .refused(let refusal) = result else {
            Issue.record("\(String(describing: result))")
            return
        }
        #expect(refusal.code == .noSpace && refusal.errno == "ENOSPC", "\(refusal)")
    }

    @Test("a file system in memory is full", arguments: Array(stride(from: 12, to: 1500, by: 124)))
    func memory(_ kibibytes: Int) throws {
        expectNoSpace(try unpack(mount: "mount -t tmpfs -o size=\(kibibytes)k none disk"))
    }

    @Test("a file system has no inode left", arguments: [4, 6, 20, 50])
    func inodes(_ count: Int) throws {
        expectNoSpace(try unpack(mount: "mount -t tmpfs -o nr_inodes=\(count) none disk"))
    }

    @Test("a disk is full", arguments: Array(stride(from: 300, to: 1500, by: 200)))
    func disk(_ kibibytes: Int) throws {
        let make = "truncate -s \(kibibytes)k image; mkfs.ext4 -q -m 0 -O ^has_journal -N 128 image"
        expectNoSpace(try unpack(mount: "\(make); mount -o loop image disk"))
    }

    @Test("a disk with room is not full")
    func room() throws {
        let made = "truncate -s 8M image; mkfs.ext4 -q image; mount -o loop image disk"
        guard case .done = try unpack(mount: made) else {
            Issue.record("refused")
            return
        }
    }

    @Test("a disk that can only be read is the host's fault")
    func readOnly() throws {
        let made = """
            mount -t tmpfs none disk; mkdir disk/x; mount -o remount,ro disk; mkdir() { :; }
            """
        guard case .refused(let refusal) = try unpack(mount: made) else {
            Issue.record("not refused")
            return
        }
        #expect(refusal.code == .hostFailed && refusal.errno == "EROFS", "\(refusal)")
    }
}
