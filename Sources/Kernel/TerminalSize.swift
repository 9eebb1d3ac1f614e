/// The size of a terminal, in characters.
package struct TerminalSize: Equatable, Sendable {
    package var columns: UInt16
    package var rows: UInt16

    package init(columns: UInt16, rows: UInt16) {
        self.columns = columns
        self.rows = rows
    }

    /// The size of a VT100, for a client that names none.
    package static let usual = TerminalSize(columns: 80, rows: 24)
}
