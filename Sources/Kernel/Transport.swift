// Protocols with ports.

/// A protocol with ports, by its name in documents and by its number in IP headers (IANA).
package enum Transport: String, Hashable, Sendable, CaseIterable, CustomStringConvertible {
    case tcp, udp, sctp

    /// Without this, a text would be made by reflection, which reads all types of the program.
    package var description: String { rawValue }

    /// `nil` for the number of another protocol.
    package init?(number: UInt8) {
        guard let known = Transport.allCases.first(where: { $0.number == number }) else {
            return nil
        }
        self = known
    }

    /// The number in IP headers.
    package var number: UInt8 {
        switch self {
        case .tcp: 6
        case .udp: 17
        case .sctp: 132
        }
    }
}
