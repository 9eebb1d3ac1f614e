// The shim's program: one binary for the sandbox and for the removal of files.

import Linux
import ShimWire

/// Runs as the arguments say; returns only a failure, as the exit code.
///
/// - `staunch-shim pod …`: see `ShimSettings`.
/// - `staunch-shim remove PARENT NAME [PARENT NAME …]`: removes each tree and verifies that it is
///   gone. The failure stands on standard error.
package func shimMain(arguments: [String], pid: Int32) -> CInt {
    let rest = Array(arguments.dropFirst(2))
    switch arguments.dropFirst().first {
    case "pod":
        guard let settings = ShimSettings(arguments: rest) else { return usage() }
        return runPod(settings, pid: pid)
    case "remove" where rest.count % 2 == 0: return removeAll(rest)
    default: return usage()
    }
}

private func runPod(_ settings: ShimSettings, pid: Int32) -> CInt {
    do throws(SystemCallFailure) {
        let lock = OwnedDescriptor(adopting: ShimSettings.lockDescriptor)
        let listener = OwnedDescriptor(adopting: ShimSettings.listenerDescriptor)
        guard try lock.tryLock() else { return complain("the pod has a shim already") }
        let shim = try Shim(
            settings, lock: lock, listener: PacketSocket(adopting: listener), pid: pid)
        shim.run()
    } catch { return complain(error.description) }
}

private func removeAll(_ pairs: [String]) -> CInt {
    do throws(SystemCallFailure) {
        for index in stride(from: 0, to: pairs.count, by: 2) {
            let (parent, name) = (pairs[index], pairs[index + 1])
            try Tree.remove(name, in: parent)
            if try Files.exists("\(parent)/\(name)") {
                return complain("\(parent)/\(name) is back")
            }
        }
        return 0
    } catch { return complain(error.description) }
}

private func usage() -> CInt {
    complain("started by staunchd; see staunchd --help")
}

private func complain(_ text: String) -> CInt {
    do throws(SystemCallFailure) {
        let error = OwnedDescriptor(adopting: 2)
        _ = try error.write(Array("staunch-shim: \(text)\n".utf8)[...])
    } catch {}
    return 1
}
