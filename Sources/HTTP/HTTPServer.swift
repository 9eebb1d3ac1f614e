//  The server: libmicrohttpd with one thread, and one watcher for waits and streams.

import CHTTP
import Glibc
import Synchronization

/// Serves one listening socket from `init` until `stop`.
package final class HTTPServer: Sendable {
    private let core: ServerCore
    private let watcher: Watcher
    private let daemon: Mutex<DaemonHandle?>

    /// Starts serving. The server's threads block all signals.
    ///
    /// - Parameters:
    ///   - listener: taken over, and closed by `stop`.
    ///   - log: receives libmicrohttpd's own error messages, one line each, on its thread.
    package init(
        listener: consuming HTTPListener, settings: HTTPServerSettings = HTTPServerSettings(),
        handler: any HTTPHandler, log: (@Sendable (String) -> Void)? = nil
    ) throws(HTTPServerFailure) {
        let settings = settings.fitting(descriptors: Int(clamping: chttp_descriptor_limit()))
        let suspended = try SuspendedConnections(waitLimit: settings.waitLimit)
        core = try ServerCore(settings: settings, handler: handler, suspended: suspended, log: log)
        let mask = SignalMask.blockAll()
        defer { mask.restore() }
        watcher = try Watcher(suspended: suspended)
        let number = listener.release()
        guard let handle = DaemonHandle(listener: number, core: core) else {
            watcher.stop()
            close(number)
            throw .notStarted
        }
        daemon = Mutex(handle)
    }

    deinit { stop() }

    /// Answers all waits, ends all streams, gives the answers under way up to one second, and
    /// closes every connection. When it returns, no thread of the server is left. A handler must
    /// never call it. Calls after the first have no effect.
    package func stop() {
        guard let handle = daemon.withLock({ $0.take() }) else { return }
        let listener = unsafe chttp_quiesce(handle.raw)
        core.stop()
        core.waitUntilIdle(milliseconds: 1000)
        unsafe chttp_stop(handle.raw)
        if listener >= 0 { close(listener) }
        watcher.stop()
        handle.release()
    }

    /// Requests that have begun and have not ended.
    package var liveRequests: Int { core.requests.load(ordering: .relaxed) }
    package var openConnections: Int { core.connections.load(ordering: .relaxed) }
    package var openStreams: Int { core.openStreams }
    package var waits: Int { core.suspended.waits }
}

/// The MHD daemon and the reference to the core that its callbacks use.
@safe private struct DaemonHandle: @unchecked Sendable {
    // SAFETY: MHD calls back only between start and stop. The core is retained before the start and
    // released after the stop.
    let raw: OpaquePointer
    private let context: Unmanaged<ServerCore>

    init?(listener: CInt, core: ServerCore) {
        let context = unsafe Unmanaged.passRetained(core)
        let settings = core.settings
        var limits = chttp_settings(
            listener: listener, connections: UInt32(settings.hardLimit),
            idle_seconds: UInt32(settings.idleTimeoutSeconds),
            memory: settings.memoryPerConnection)
        var calls = unsafe Callbacks.table(context: context.toOpaque())
        guard let raw = unsafe chttp_start(&limits, &calls) else {
            unsafe context.release()
            return nil
        }
        unsafe self.raw = raw
        unsafe self.context = context
    }

    func release() { unsafe context.release() }
}

/// Blocks all signals while it is installed. New threads inherit the mask, so they take no signal.
private struct SignalMask {
    private var before = sigset_t()

    static func blockAll() -> SignalMask {
        var mask = SignalMask()
        var all = sigset_t()
        unsafe sigfillset(&all)
        unsafe pthread_sigmask(SIG_SETMASK, &all, &mask.before)
        return mask
    }

    func restore() {
        var mask = before
        unsafe pthread_sigmask(SIG_SETMASK, &mask, nil)
    }
}
