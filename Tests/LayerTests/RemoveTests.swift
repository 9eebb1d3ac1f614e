// A removal takes whatever a layer or a task could make, and nothing else, and goes on after a
// kill.

import Foundation
import Glibc
import JSON
import Kernel
import LayerProtocol
import Linux
import Testing

@Suite struct RemoveTests {
    let scratch: Scratch

    init() throws {
        scratch = try Scratch()
        try shell("mkdir -p '\(scratch.path)/trash/t'")
    }

    private func remove(_ name: String = "t") throws -> Run {
        // A lock of its own, because a process that another test forks may hold it for a moment.
        let lock = scratch("lock-\(UUID())")
        let command = LayerCommand.remove(directory: scratch("trash"), name: name)
        return try scratch.run(
            command.arguments(LayerDescriptors(lock: 3, progress: 4)),
            others: [lock, scratch("progress")])
    }

    private func removed(_ run: Run) throws -> Int64? {
        try JSONValue.parse(run.output)["removed"]?.integer
    }

    @Test("every kind of entry, with every mode, flag and name")
    func kinds() throws {
        try shell(
            """
            cd '\(scratch("trash/t"))'; mkdir -p a/b/c; echo x >a/b/c/f; ln -s ../../outside l
            ln a/b/c/f h; mkfifo p; mknod n c 1 3; mknod w c 0 0
            printf x >"$(printf 'bad\\351\\nname')"; mkdir "$(printf '\\351')"
            chattr +i a/b/c/f; chattr +a h 2>/dev/null || true; chmod 0 a/b a/b/c; chattr +i a/b/c
            """)
        let before = try scratch.surroundings().filter { $0.contains(" outside") }
        let run = try remove()
        #expect(run.code == 0, "\(run.text)")
        #expect(try removed(run) == 12)
        #expect(try Files.names(in: scratch("trash")).isEmpty)
        #expect(try scratch.surroundings().filter { $0.contains(" outside") } == before)
        #expect(
            LayerProgress(record: try Files.read(scratch("progress")))
                == LayerProgress(entries: 12))
    }

    @Test("a missing tree is gone, and a name that is a path is refused")
    func names() throws {
        #expect(try remove("nothing").code == 0)
        for name in ["../outside", "..", ".", ""] {
            let run = try remove(name)
            #expect(run.refusal?.code == .layerRefused, "\(name): \(run.code) \(run.text)")
        }
        #expect(try Files.exists(scratch.outside + "/canary"))
    }

    @Test("a tree deeper than any path, in a bound of descriptors")
    func deep() throws {
        let script = """
            import os
            for i in range(4000):
                os.mkdir('d'); open('f', 'w').close(); os.chdir('d')
            """
        _ = try scratch.write("deep.py", Array(script.utf8))
        try shell("cd '\(scratch("trash/t"))' && python3 '\(scratch("deep.py"))'")
        let words = LayerCommand.remove(directory: scratch("trash"), name: "t").arguments()
            .joined(separator: " ")
        try shell("ulimit -n 64; '\(program)' \(words)")
        #expect(try !Files.exists(scratch("trash/t")))
    }

    @Test("what is mounted below stays, and the rest goes")
    func mounted() throws {
        let words = LayerCommand.remove(directory: scratch("trash"), name: "t").arguments()
            .joined(separator: " ")
        let script = """
            cd '\(scratch("trash/t"))'; mkdir -p a m; mount -t tmpfs none m; touch m/kept
            '\(program)' \(words) >'\(scratch("result"))'; echo $?; ls m
            """
        _ = try scratch.write("script", Array(script.utf8))
        #expect(try shell("unshare -m sh '\(scratch("script"))'") == "1\nkept\n")
        guard case .refused(let refusal) = LayerResult(try Files.read(scratch("result"))) else {
            Issue.record("not refused")
            return
        }
        #expect(refusal.code == .hostFailed && ["EXDEV", "EBUSY"].contains(refusal.errno))
        #expect(try remove().code == 0)
    }

    @Test("memory does not grow with the tree")
    func memory() throws {
        func peak(_ files: Int) throws -> Int {
            let name = String(repeating: "n", count: 200)
            try shell(
                "cd '\(scratch("trash"))'; mkdir -p t; seq -f 't/\(name)%g' \(files) | xargs touch")
            let words = LayerCommand.remove(directory: scratch("trash"), name: "t").arguments()
            let time = "/usr/bin/env python3 -c"
            let measure = """
                import resource, subprocess, sys
                subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
                print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
                """
            let text = try shell(
                "\(time) '\(measure)' '\(program)' \(words.joined(separator: " "))")
            return try #require(Int(text.dropLast()))
        }
        let (few, many) = (try peak(600), try peak(40000))
        #expect(many < few + 1024, "\(few) KiB, \(many) KiB")
        #expect(many < 16 << 10)
    }

    @Test("after kills the next run goes on", arguments: 0..<8)
    func kills(_ number: Int) throws {
        try shell(
            """
            cd '\(scratch("trash/t"))'
            for d in a b c d; do mkdir $d; (cd $d; seq 500 | xargs touch); done
            """)
        let words = LayerCommand.remove(directory: scratch("trash"), name: "t").arguments()
        let running = try Running(words, in: scratch)
        usleep(UInt32(4000 + number * 2500))
        running.kill()
        _ = try running.wait()
        #expect(try remove().code == 0)
        #expect(try Files.names(in: scratch("trash")).isEmpty)
    }
}
