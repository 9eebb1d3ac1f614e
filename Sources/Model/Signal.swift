// Signals by name and number, as Linux numbers them on x86-64 and arm64 (signal(7)).

import Bytes
import Kernel

/// A signal that exists: its number is 1 to 64.
package struct Signal: Hashable, Sendable, CustomStringConvertible {
    /// The number of signal(7).
    package let number: Int32

    /// The default signal of a stop.
    package static let term = Signal(validated: 15)
    /// The signal that ends a task after its grace.
    package static let kill = Signal(validated: 9)

    private init(validated number: Int32) { self.number = number }

    /// `nil` unless `number` is 1 to 64.
    package init?(number: Int) {
        guard (1...64).contains(number) else { return nil }
        self.number = Int32(number)
    }

    /// Parses `TERM`, `SIGTERM`, `15` or `RTMIN+3`.
    package init?(_ text: String) {
        if let number: Int = text.utf8.decimal() {
            self.init(number: number)
            return
        }
        let name = text.after("SIG") ?? text
        if let index = SignalName.all.firstIndex(where: { $0.isSame(as: name) }), index > 0 {
            self.init(validated: Int32(index))
            return
        }
        guard let offset = name.after("RTMIN").flatMap(Signal.offset), (0...30).contains(offset)
        else { return nil }
        self.init(validated: Int32(34 + offset))
    }

    /// The name without `SIG`, or `RTMIN+n`.
    package var description: String { SignalName.of(number) }

    private static func offset(_ text: String) -> Int? {
        text.isEmpty ? 0 : text.after("+")?.utf8.decimal()
    }
}
