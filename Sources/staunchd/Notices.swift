// What the service manager is told (sd_notify(3)): one datagram of lines, and never a wait for it.

import Engine
import Linux

struct Notices {
    /// `nil` where nobody wants to be told.
    private let address: UnixAddress?
    private let log: Log
    private var status = ""
    private var hasComplained = false

    init(_ address: UnixAddress?, _ log: Log) {
        self.address = address
        self.log = log
    }

    /// Sends `lines`, and the status where it has changed; `false` where it was not taken. There is
    /// something to say again soon: only READY has to be repeated until it is.
    @discardableResult
    mutating func send(_ lines: [String], status new: String) -> Bool {
        let all = lines + (new == status ? [] : ["STATUS=" + new])
        guard let address, !all.isEmpty else { return true }
        do { try address.send(Array(all.joined(separator: "\n").utf8)) } catch {
            complain(error)
            return false
        }
        status = new
        return true
    }

    private mutating func complain(_ failure: SystemCallFailure) {
        guard !hasComplained else { return }
        hasComplained = true
        log.write(.warning, "the service manager cannot be told", ["why": "\(failure)"])
    }
}
