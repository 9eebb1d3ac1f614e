// Which connections of conntrack: by their addresses and their port.

package import Kernel

/// Chooses entries of conntrack. All that is given must match.
package struct ConntrackFilter: Hashable, Sendable {
    package var family: IPAddress.Family
    /// The source of the first packet.
    package var source: IPAddress?
    /// The destination of the first packet, before any translation.
    package var destination: IPAddress?
    /// The source of the replies: where the first packet arrived after the translation.
    package var replySource: IPAddress?
    /// The port that the first packet was for, before any translation.
    package var port: Port?

    package struct Port: Hashable, Sendable {
        package let transport: Transport
        package let number: UInt16

        package init(_ transport: Transport, _ number: UInt16) {
            self.transport = transport
            self.number = number
        }
    }

    /// The connections that an address has begun.
    package static func begun(by address: IPAddress) -> ConntrackFilter {
        ConntrackFilter(family: address.family, source: address)
    }

    /// The connections that an address replies to, also those to its published ports.
    package static func answered(by address: IPAddress) -> ConntrackFilter {
        ConntrackFilter(family: address.family, replySource: address)
    }

    /// The connections to a port of one address of the host.
    package static func published(
        _ transport: Transport, _ port: UInt16, at address: IPAddress
    ) -> ConntrackFilter {
        ConntrackFilter(
            family: address.family, destination: address, port: Port(transport, port))
    }

    package init(
        family: IPAddress.Family, source: IPAddress? = nil, destination: IPAddress? = nil,
        replySource: IPAddress? = nil, port: Port? = nil
    ) {
        self.family = family
        self.source = source
        self.destination = destination
        self.replySource = replySource
        self.port = port
    }

    func matches(_ entry: ConntrackEntry) -> Bool {
        (source == nil || source == entry.original.source)
            && (destination == nil || destination == entry.original.destination)
            && (replySource == nil || replySource == entry.reply.source)
            && (port == nil
                || port?.transport.number == entry.original.transport
                    && port?.number == entry.original.destinationPort)
    }
}
