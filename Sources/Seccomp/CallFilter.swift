// A filter for a program of ours that parses bytes of strangers.

/// The system calls that the process may make from now on. Any other raises SIGSYS, whose handler
/// can tell which call it was; the call itself is never made.
package enum CallFilter {
    /// Puts the filter into force. A name that this machine does not have is passed over. Memory
    /// can no longer be made executable.
    package static func permit(
        only calls: [String], refusing refused: [String] = []
    ) throws(FilterRefusal) {
        let (trap, allow, permission): (UInt32, UInt32, UInt32) =
            (0x0003_0000, 0x7fff_0000, 0x0005_0001)
        let rules = try RuleSet(trap)
        for name in calls { try rules.add(allow, name, [[]]) }
        for name in refused { try rules.add(permission, name, [[]]) }
        // SCMP_CMP_MASKED_EQ: the third argument without PROT_EXEC.
        let isNoProgram = RuleSet.Condition(index: 2, comparison: 7, value: 4, valueTwo: 0)
        for name in ["mmap", "mprotect"] { try rules.add(allow, name, [[isNoProgram]]) }
        try rules.install()
    }
}
