// The standard input of a task's first process, and its terminal.

package struct WireInput: Equatable, Sendable {
    /// Whether clients may send input; if not, the input is empty.
    package let isOpen: Bool
    /// Whether the input ends with that of the first client.
    package let isOnce: Bool
    /// Whether input and output are a terminal.
    package let isTerminal: Bool

    package init(isOpen: Bool = false, isOnce: Bool = false, isTerminal: Bool = false) {
        self.isOpen = isOpen
        self.isOnce = isOnce
        self.isTerminal = isTerminal
    }

    func write(_ writer: inout WireWriter) {
        for flag in [isOpen, isOnce, isTerminal] { writer.put(flag: flag) }
    }

    static func read(_ reader: inout WireReader) throws(WireFault) -> WireInput {
        WireInput(
            isOpen: try reader.flag(), isOnce: try reader.flag(), isTerminal: try reader.flag())
    }
}
