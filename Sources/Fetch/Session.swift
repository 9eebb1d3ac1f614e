// One fetch under way: its transfers, its report, and the signals that end it. Everything happens
// on one thread.

import Bytes
import Glibc
import Images
import Kernel
import Linux

final class Session {
    var report: FetchReport
    /// Seconds without a byte after which a transfer is begun anew.
    let stall: Int
    /// What no message may contain.
    var secrets: [String] = []

    private let loop: TransferLoop
    private let signals: SignalDescriptor
    private var state: StateDirectory
    /// Ended while another transfer was waited for.
    private var ended: [EndedTransfer] = []

    /// `signals` ends the fetch, except for SIGIO, which only wakes it up.
    init(
        _ report: FetchReport, state: consuming StateDirectory,
        signals: consuming SignalDescriptor, stall: Int
    ) {
        self.report = report
        self.stall = stall
        loop = TransferLoop(wakeUp: signals.descriptor.number)
        self.signals = signals
        self.state = state
    }

    func start(_ transfer: Transfer) { loop.start(transfer) }

    /// Waits for one transfer, while all others go on.
    func perform(_ transfer: Transfer) throws(FetchFailure) -> TransferResult {
        start(transfer)
        while true {
            if let place = ended.firstIndex(where: { $0.transfer === transfer }) {
                return ended.remove(at: place).result
            }
            try step(milliseconds: 1000)
        }
    }

    /// Waits until transfers have ended, at most this time, and returns them.
    func takeEnded(milliseconds: Int) throws(FetchFailure) -> [EndedTransfer] {
        if ended.isEmpty { try step(milliseconds: milliseconds) }
        defer { ended = [] }
        return ended
    }

    /// Lets the transfers go on without waiting. For long work between transfers.
    func breathe() throws(FetchFailure) { try step(milliseconds: 0) }

    /// Waits for the caller's plan.
    func plan() throws(FetchFailure) -> Set<Digest> {
        let isNotified = state.notify()
        while true {
            // Armed, looked at, and only then waited for: no change is missed.
            if let plan = try state.plan() { return plan }
            try step(milliseconds: isNotified ? 60_000 : 100)
        }
    }

    private func step(milliseconds: Int) throws(FetchFailure) {
        tell()
        ended += loop.step(milliseconds: min(milliseconds, max(state.pause, 1)))
        while let signal = signals.next() {
            guard signal == SIGIO else { throw FetchFailure(.canceled, "canceled by a signal") }
        }
    }

    private func tell() {
        if state.pause == 0 { state.write(progress: report) }
    }

    /// The end of the fetch: the last progress, and the result.
    func finish() throws(SystemCallFailure) {
        state.write(progress: report)
        try state.write(result: report)
    }

    func credentials(
        of helper: CredentialHelper, for host: String
    ) throws(FetchFailure) -> Credentials? {
        try helper.credentials(for: host, signals: signals)
    }

    /// A text of a registry as a part of a message: one line of at most 300 bytes, without secrets.
    func quoted(_ text: String) -> String {
        let secret = secrets.contains {
            !$0.isEmpty && Array(text.utf8)[...].rest(after: Array($0.utf8)) != nil
        }
        guard !secret else { return "(its message has a credential)" }
        let bytes = text.utf8.prefix(300).map { $0 < 0x20 || $0 == 0x7f ? 0x20 : $0 }
        return String(decoding: bytes, as: UTF8.self)
    }
}
