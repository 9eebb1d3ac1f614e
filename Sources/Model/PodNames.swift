// The names that the tasks of a pod know: their resolver, and entries of their hosts file.

package import Kernel

/// The content of the tasks' `/etc/resolv.conf` (resolv.conf(5)). Each empty list is the host's.
package struct DNSSpec: Equatable, Sendable {
    /// In the order in which resolvers ask them.
    package var servers: [IPAddress]
    /// The domains in which names without dots are looked up, in their order.
    package var searches: [String]
    /// Such as `ndots:2`.
    package var options: [String]

    package init(
        servers: [IPAddress] = [], searches: [String] = [], options: [String] = []
    ) {
        self.servers = servers
        self.searches = searches
        self.options = options
    }
}

/// A line of the tasks' `/etc/hosts` (hosts(5)).
package struct HostEntry: Equatable, Sendable {
    /// The address of all the names.
    package var ip: IPAddress
    /// Never empty. The first is the canonical name.
    package var names: [String]

    package init(ip: IPAddress, names: [String]) {
        self.ip = ip
        self.names = names
    }
}
