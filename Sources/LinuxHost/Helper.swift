// A helper: the shim's program, run by the daemon for one job that may wait for a disk.

import Bytes
import EventLoop
import Host
import Kernel
import Linux
import Model

@Loop enum Helper {
    struct Outcome {
        /// The output of the helper, up to 16 MiB.
        let output: [UInt8]
        /// Why the helper failed; `nil` if it succeeded.
        let blocker: Blocker?
    }

    /// Runs a helper and waits for its end, however long that takes. The helper reads `input` from
    /// standard input, unless that is a descriptor of the caller. The descriptors are made before
    /// the process, so a failure to make a descriptor starts nothing.
    static func run(
        _ words: [String], path: String, input: [UInt8] = [], standardInput: CInt? = nil,
        started: (Int32) -> Void = { _ in }
    ) async throws(SystemCallFailure) -> Outcome {
        let output = try Pipe()
        let errors = try Pipe()
        let given = try OwnedDescriptor.standardInput(input)
        let pid = try Command(words, path: path).spawn(
            descriptors: [
                standardInput ?? given.number, output.writing.number, errors.writing.number,
            ])
        started(pid)
        let told = output.intoReading()
        let said = errors.intoReading()
        let text = await readAll(told)
        let exit = await ChildEnd.of(pid)
        if exit?.code == 0 { return Outcome(output: text, blocker: nil) }
        let lines = await readAll(said)
        return Outcome(output: text, blocker: blocker(lines))
    }

    /// Parses `ERRNO_NAME text`, or `- text` if no system call failed. A helper that was killed
    /// writes nothing.
    private static func blocker(_ said: [UInt8]) -> Blocker {
        let text = String(decoding: said, as: UTF8.self)
        guard let (name, reason) = text.cut(" ") else {
            return Blocker("the helper was killed")
        }
        return Blocker(reason.upTo("\n"), errno: name == "-" ? nil : name)
    }

    /// Reads up to the end of a pipe. If the pipe cannot be watched, it is polled.
    private static func readAll(_ pipe: borrowing OwnedDescriptor) async -> [UInt8] {
        var all: [UInt8] = []
        do throws(SystemCallFailure) {
            try pipe.setNonblocking()
            while all.count < 16 << 20 {
                guard let more = try pipe.read(limit: 65536) else {
                    await ChildEnd.readable(pipe.number)
                    continue
                }
                if more.isEmpty { break }
                all += more
            }
        } catch {}  // the output so far is all there is
        return all
    }
}

extension OwnedDescriptor {
    /// The standard input of a program that reads `bytes`.
    static func standardInput(_ bytes: [UInt8]) throws(SystemCallFailure) -> OwnedDescriptor {
        if bytes.isEmpty { return try opening("/dev/null", 2) }
        return try memory(bytes)
    }
}
