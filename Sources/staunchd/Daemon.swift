// The daemon's life: it makes everything in order, then one thread waits for a signal to stop.

import API
import Engine
import HTTP
import Host
import Kernel
import Linux

enum Daemon {
    /// Runs until SIGTERM or SIGINT, and then ends the process; the pods stay.
    static func run(_ settings: DaemonSettings) throws(StartFailure) -> Never {
        OwnProcess.keepFilesPrivate()
        let manager = ServiceManager.taken()
        let listeners = try PassedListeners(manager.descriptors)
        let watch = try starting("signals") { () throws(SystemCallFailure) in
            try Watch(manager)
        }
        Sandbox.keepMemorySmall()
        OwnProcess.ignoreBrokenPipes()
        OwnProcess.awaitChildren()
        SystemInfo.raiseDescriptorLimit()
        let engine = try makeEngine(settings.engine)
        // The daemon starts with any result.
        engine.awaitFirstLooks(milliseconds: 1000)
        let servers = try Servers(engine, settings, listeners)
        engine.start(watch.whenReady)
        engine.log.write(
            .info, "ready",
            [
                "version": StaunchVersion.text, "pid": String(OwnProcess.pid),
                "socket": servers.apiAddress?.text ?? "unnamed",
                "metrics": engine.metricsListener.text,
                "seccomp": engine.info.seccomp.path ?? engine.info.seccomp.source,
            ])
        SystemInfo.releaseStartupText()
        let signal = watch.untilSignal(engine, api: servers.apiAddress)
        engine.log.write(.info, "stopping; the pods stay", ["signal": String(signal)])
        engine.host.leave()
        OwnProcess.end(0)
    }

}

/// Returns the result of `body`; if the kernel refuses it, the daemon does not start.
func starting<Value: ~Copyable>(
    _ what: String, _ body: () throws(SystemCallFailure) -> Value
) throws(StartFailure) -> Value {
    do { return try body() } catch { throw StartFailure("\(what): \(error)") }
}

extension ListenerStatus {
    fileprivate var text: String {
        switch self {
        case .off: "off"
        case .serving(let address): address
        case .waiting(let address, _): "waits for \(address)"
        }
    }
}
