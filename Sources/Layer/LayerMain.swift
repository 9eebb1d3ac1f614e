// The program: one verb for each run.

import Bytes
import JSON
import Kernel
import LayerProtocol
import Linux

/// Runs the verb in the arguments; returns the exit code (see `help`).
package func layerMain(arguments: [String]) -> CInt {
    let words = Array(arguments.dropFirst())
    if words == ["--help"] || words == ["-h"] { return print(help) }
    let (command, descriptors): (LayerCommand, LayerDescriptors)
    do { (command, descriptors) = try LayerCommand.parse(words) } catch {
        return complain("\(error.detail); see staunch-layer --help", 2)
    }
    let lock = descriptors.lock.map { OwnedDescriptor(adopting: $0) }
    do {
        try Confinement.leaveSession()
        _ = OwnProcess.setMask(0)
        if try lock?.tryLock() == false { return complain("another process has the lock", 4) }
    } catch { return complain("\(error)", 3) }
    let run = LayerRun(
        command: command, progress: ProgressFile(descriptors.progress), lock: descriptors.lock)
    // The kernel releases the lock with the last descriptor, when the process has ended.
    _ = lock?.release()
    return run.run()
}

/// One run of the program.
struct LayerRun {
    let command: LayerCommand
    let progress: ProgressFile
    let lock: CInt?

    func run() -> CInt {
        do throws(LayerRefusal) { return try carryOut() } catch {
            var json = JSONWriter()
            error.write(to: &json)
            return write(json, 1)
        }
    }

    private func carryOut() throws(LayerRefusal) -> CInt {
        switch command {
        case .unpack(let request):
            let verb = UnpackVerb(request: request, progress: progress, lock: lock)
            let description = try verb.run()
            Confinement.forgetCrash()
            return print(LayerResult.done(description).line)
        case .remove(let directory, let name):
            return write(
                try RemoveVerb(directory: directory, name: name, progress: progress).run(), 0)
        case .sync(let images): return write(try SyncVerb(images: images).run(), 0)
        case .list(let images): return try ListVerb(images: images).run()
        case .fix(let output, let layers):
            return write(try FixVerb(output: output, layers: layers).run(), 0)
        case .index: return try IndexVerb().run()
        }
    }

    private func write(_ json: consuming JSONWriter, _ code: CInt) -> CInt {
        let end = print(json.finish().bytes + [UInt8(ascii: "\n")])
        return end == 0 ? code : end
    }
}

/// Writes to standard output; returns the exit code.
func print(_ bytes: [UInt8]) -> CInt {
    do { try writeOutput(bytes) } catch { return complain("\(error)", 3) }
    return 0
}

func writeOutput(_ bytes: [UInt8]) throws(SystemCallFailure) {
    let output = OwnedDescriptor(adopting: 1)
    do { try output.writeAll(bytes) } catch {
        _ = output.release()
        throw error
    }
    _ = output.release()
}

private func print(_ text: String) -> CInt { print(Array(text.utf8)) }

private func complain(_ text: String, _ code: CInt) -> CInt {
    StandardError.write("staunch-layer: \(text)\n")
    return code
}
