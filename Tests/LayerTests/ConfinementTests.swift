// What the program still has when it reads the first byte of a blob.

import Foundation
import Glibc
import Images
import Kernel
import LayerProtocol
import Linux
import Testing

@Suite struct ConfinementTests {
    /// Calls `body` with the process of an unpacking that hashes a large blob.
    private func whileHashing(_ body: (Int32) throws -> Void) throws {
        let scratch = try Scratch()
        let blob = scratch.own + "/blob.part"
        try shell("truncate -s 4G '\(blob)'")
        let none = try #require(Digest(hex: String(repeating: "0", count: 64)))
        let request = LayerCommand.Unpacking(
            ingest: scratch.own, file: "blob.part", blob: none, diffID: none)
        let words = LayerCommand.unpack(request)
            .arguments(LayerDescriptors(lock: 3, progress: 4))
        let running = try Running(
            words, others: [scratch("lock"), scratch("progress")], in: scratch)
        defer { _ = try? running.wait() }
        defer { running.kill() }
        for _ in 0..<500 {
            if ProcFS.seccomp(of: running.pid)?.isFiltering == true { break }
            usleep(10000)
        }
        // Four GiB take seconds, and the filter is the last part of the confinement.
        try #require(ProcFS.seccomp(of: running.pid)?.isFiltering == true)
        try body(running.pid)
        let lock = try OwnedDescriptor.opening(scratch("lock"), O_RDWR)
        let isFree = try lock.tryLock()
        #expect(!isFree)
    }

    private func status(_ pid: Int32, _ name: String) throws -> String? {
        try Files.text("/proc/\(pid)/status").split(separator: "\n")
            .first { $0.hasPrefix(name + ":") }
            .map { String($0.split(separator: "\t").last ?? "") }
    }

    @Test("it has six capabilities, no new privileges, and namespaces of its own")
    func privileges() throws {
        try whileHashing { pid in
            let six = "000000008800001b"
            #expect(try status(pid, "CapEff") == six)
            #expect(try status(pid, "CapPrm") == six)
            #expect(try status(pid, "CapBnd") == six)
            #expect(try status(pid, "CapInh") == "0000000000000000")
            #expect(try status(pid, "CapAmb") == "0000000000000000")
            #expect(try status(pid, "NoNewPrivs") == "1")
            #expect(try status(pid, "Groups")?.trimmingCharacters(in: .whitespaces) == "")
            for name in ["mnt", "net", "ipc"] {
                #expect(
                    Files.linkTarget("/proc/\(pid)/ns/\(name)")
                        != Files.linkTarget("/proc/self/ns/\(name)"), "\(name)")
            }
            let limits = try Files.text("/proc/\(pid)/limits")
            #expect(limits.contains(/Max data size +268435456 +268435456/))
            #expect(limits.contains(/Max core file size +0 +0/))
        }
    }

    @Test("its only mount is the tree, where no device can be opened and no program run")
    func mounts() throws {
        try whileHashing { pid in
            let mounts = try Files.text("/proc/\(pid)/mountinfo").split(separator: "\n")
            #expect(mounts.count == 1)
            #expect(mounts.first?.contains("/ingest/x/fs / rw,nosuid,nodev,noexec") == true)
            #expect(try Files.names(in: "/proc/\(pid)/root").isEmpty)
        }
    }

    @Test("it has no descriptor of a directory outside of the tree")
    func descriptors() throws {
        try whileHashing { pid in
            var targets: [String] = []
            for number in try Files.names(in: "/proc/\(pid)/fd") {
                let path = "/proc/\(pid)/fd/\(number)"
                guard try Files.isDirectory(path) else { continue }
                targets.append(String(decoding: Files.linkTarget(path) ?? [], as: UTF8.self))
            }
            #expect(targets == ["/"])
        }
    }

    @Test("it leads its session, and neither a hang-up nor a broken pipe ends it")
    func signals() throws {
        try whileHashing { pid in
            #expect(getsid(pid) == pid)
            for signal in [SIGHUP, SIGPIPE] { Children.signal(pid, signal) }
            usleep(50000)
            let hasEnded = try ProcFS.hasEnded(pid)
            #expect(!hasEnded)
        }
    }

    @Test("no module of iconv is looked for in the layer")
    func modules() throws {
        let scratch = try Scratch()
        var tar = Tar()
        tar.add("usr/lib/x86_64-linux-gnu/gconv/gconv-modules", "module UTF-8// X// hostile 1\n")
        tar.add("x", pax: [("path", "\u{e9}")])
        let request = try scratch.unpacking(tar.whole, tar: tar.whole)
        let words = LayerCommand.unpack(request).arguments().joined(separator: " ")
        let trace = scratch("trace")
        try shell("strace -f -o '\(trace)' -e trace=openat,pivot_root '\(program)' \(words)")
        let lines = try Files.text(trace, limit: 1 << 20).split(separator: "\n")
        let confined = try #require(lines.firstIndex { $0.contains("pivot_root(") })
        try #require(lines[..<confined].contains { $0.contains("gconv") })
        #expect(!lines[confined...].contains { $0.contains("openat(AT_FDCWD, \"/usr") })
        #expect(try Files.exists(scratch.tree + "/\u{e9}"))
    }

    @Test("a crash is a refusal, so that no layer is tried for ever")
    func crash() throws {
        let scratch = try Scratch()
        let blob = scratch.own + "/blob.part"
        try shell("truncate -s 4G '\(blob)'")
        let none = try #require(Digest(hex: String(repeating: "0", count: 64)))
        let request = LayerCommand.Unpacking(
            ingest: scratch.own, file: "blob.part", blob: none, diffID: none)
        let running = try Running(LayerCommand.unpack(request).arguments(), in: scratch)
        while ProcFS.seccomp(of: running.pid)?.isFiltering != true { usleep(1000) }
        Children.signal(running.pid, SIGSEGV)
        let run = try running.wait()
        #expect(run.code == 1 && run.refusal?.code == .layerRefused, "\(run.text)\(run.code)")
        #expect(run.refusal?.detail.hasPrefix("the program crashed: signal 11") == true)
    }
}
