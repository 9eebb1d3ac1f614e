// The names of signals, as Linux numbers them on x86-64 and arm64 (signal(7)).

package enum SignalName {
    /// By number, without `SIG`, up to the last signal that has a name of its own.
    package static let all = [
        "", "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV",
        "USR2", "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU",
        "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
    ]

    /// The name without `SIG`, `RTMIN+n`, or the number if the signal has no name.
    package static func of(_ number: Int32) -> String {
        let index = Int(number)
        if all.indices.contains(index) { return all[index] }
        return index == 34 ? "RTMIN" : index > 34 ? "RTMIN+\(index - 34)" : "\(index)"
    }
}
