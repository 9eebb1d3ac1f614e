// Messages to the service manager (sd_notify(3)): one datagram of lines, sent without waiting.

import Engine
import Host
import Kernel
import Linux

struct Notices {
    /// `nil` if there is no service manager to notify.
    private let address: UnixAddress?
    private let log: Log
    private var status = ""
    private var hasComplained = false

    init(_ address: UnixAddress?, _ log: Log) {
        self.address = address
        self.log = log
    }

    /// Sends `lines`, and the status if it has changed. Returns `false` if the datagram was not
    /// accepted. Only READY must be repeated then, because the next message follows soon.
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
