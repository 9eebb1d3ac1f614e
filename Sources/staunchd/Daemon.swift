// The daemon's life: everything is made in order, then one thread waits for the word to stop.

import API
import Engine
import HTTP
import Linux

enum Daemon {
    /// Runs until SIGTERM or SIGINT, and then ends the process; the pods stay.
    static func run(_ settings: DaemonSettings) throws(StartFailure) -> Never {
        // Before any thread is made: those inherit that no signal is for them.
        let signals = try starting("signals") { () throws(SystemCallFailure) in
            try SignalDescriptor([sigTerm, sigInt])
        }
        // Now, too: once it serves, nothing that it lacks ends it.
        let epoll = try starting("signals") { () throws(SystemCallFailure) in
            let epoll = try Epoll()
            try epoll.add(signals.descriptor.number, .readable, tag: 0)
            return epoll
        }
        Sandbox.keepMemorySmall()
        OwnProcess.ignoreBrokenPipes()
        SystemInfo.raiseDescriptorLimit()
        let engine = try makeEngine(settings.engine)
        let servers = try Servers(engine, settings)
        engine.start()
        engine.log.write(
            .info, "ready",
            [
                "version": StaunchVersion.text, "pid": String(OwnProcess.pid),
                "socket": settings.socket, "metrics": servers.metricsAddress ?? "off",
            ])
        SystemInfo.releaseStartupText()
        let signal = wait(for: signals, epoll)
        engine.log.write(.info, "stopping; the pods stay", ["signal": String(signal)])
        engine.leave()
        OwnProcess.end(0)
    }

    private static let sigInt: CInt = 2
    private static let sigTerm: CInt = 15

    private static func makeEngine(_ settings: EngineSettings) throws(StartFailure) -> Engine {
        do { return try Engine(settings) } catch { throw StartFailure(error.description) }
    }

    private static func wait(
        for signals: borrowing SignalDescriptor, _ epoll: borrowing Epoll
    ) -> CInt {
        while true {
            _ = epoll.wait(milliseconds: -1)
            if let signal = signals.next() { return signal }
        }
    }
}

/// What `body` makes; where the kernel refuses it, the daemon does not start.
func starting<Value: ~Copyable>(
    _ what: String, _ body: () throws(SystemCallFailure) -> Value
) throws(StartFailure) -> Value {
    do { return try body() } catch { throw StartFailure("\(what): \(error)") }
}
