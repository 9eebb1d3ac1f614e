// A daemon that the run owns: started, killed, restarted and ended.

import Client
import Glibc
import Linux
import Synchronization

final class OwnDaemon: Sendable {
    private let words: [String]
    private let log: String
    private let socket: String
    private let account: CPUAccount?
    private let current = Mutex<Child?>(nil)

    init(_ settings: RunSettings, _ stage: Stage, _ account: CPUAccount?) {
        words =
            [
                settings.daemonProgram, "--run-dir", stage.runDirectory, "--data-dir",
                stage.dataDirectory, "--log-dir", stage.logDirectory, "--cgroup-parent",
                stage.cgroupParent, "--shim", settings.shimProgram, "--metrics-listen", "off",
            ] + settings.daemonWords
        log = settings.daemonLog ?? stage.home + "/staunchd.log"
        socket = stage.socket
        self.account = account
    }

    var pid: Int32? { current.withLock { $0?.pid } }

    /// Starts the daemon, and waits until it accepts mutations.
    func start() throws(RunFailure) {
        do {
            let child = try Child(words, output: log)
            account?.add(child.pid)
            current.withLock { $0 = child }
        } catch { throw RunFailure("the daemon does not start: \(error)") }
        let client = HTTPClient(.unix(socket))
        var hasEnded = false
        let cameUp = wait(atMost: 60) {
            hasEnded = current.withLock { $0?.hasEnded } ?? true
            return hasEnded || isReady(client)
        }
        guard cameUp, !hasEnded else {
            throw RunFailure("the daemon does not get ready: \(lastWords)")
        }
    }

    private func isReady(_ client: HTTPClient) -> Bool {
        do { return try client.send(Request("GET", "/readyz", patience: 5)).status == 200 } catch {
            return false
        }
    }

    /// The last line of the daemon's log.
    private var lastWords: String {
        do {
            let lines = try Files.text(log, limit: 1 << 24).split(separator: "\n")
            return lines.last.map(String.init) ?? "it says nothing"
        } catch { return "its log cannot be read" }
    }

    /// Sends SIGKILL and restarts the daemon at once; returns the pid that died.
    func crashAndRestart() throws(RunFailure) -> Int32 {
        let child = current.withLock { $0.take() }
        child?.kill()
        try start()
        return child?.pid ?? 0
    }

    /// How the daemon ended by itself; `nil` if it lives, or if we ended it.
    func takeUnaskedEnd() -> String? {
        guard let child = current.withLock({ $0?.hasEnded == true ? $0.take() : nil }) else {
            return nil
        }
        let exit = child.wait()
        let how = exit?.signal.map { "signal \($0)" } ?? exit?.code.map { "code \($0)" }
        return "the daemon ended by itself: \(how ?? "unknown"); \(lastWords)"
    }

    /// Ends the daemon; the pods stay.
    func end() { current.withLock { $0.take() }?.end() }
}
