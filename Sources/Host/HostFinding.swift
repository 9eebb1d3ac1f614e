// What about the host keeps pods from doing what users expect. It is told, and never changed by the
// daemon, because other programs depend on it, too.

package enum HostFinding: Hashable, Sendable {
    /// The kernel forwards no IPv4 packets.
    case forwardingOff
    /// The kernel forwards no IPv6 packets, and a network has IPv6 addresses.
    case forwarding6Off
    /// A chain of another program, such as `ip filter FORWARD`, drops forwarded packets.
    case forwardDrop(chain: String)
    /// The kernel has no nftables, with the error's text.
    case noNftables(String)
    /// Packets on a bridge pass the rules for forwarded packets.
    case bridgeNetfilter
    /// Each process that enters a cgroup waits for the kernel (RCU).
    case slowCgroups
    /// The directory of network configurations cannot be read, with the error's text.
    case configurationsUnread(directory: String, why: String)
    /// A network configuration has a fault, with its place.
    case configurationRefused(file: String, fault: String)
    /// A plugin of a network is in none of the directories.
    case pluginMissing(plugin: String, file: String, directories: [String])

    /// The stable part, for programs.
    package var code: String {
        switch self {
        case .forwardingOff: "forwarding-off"
        case .forwarding6Off: "forwarding6-off"
        case .forwardDrop: "forward-drop"
        case .noNftables: "no-nftables"
        case .bridgeNetfilter: "bridge-netfilter"
        case .slowCgroups: "slow-cgroups"
        case .configurationsUnread: "cni-directory"
        case .configurationRefused: "cni-configuration"
        case .pluginMissing: "cni-plugin"
        }
    }

    /// What was seen.
    package var detail: String {
        switch self {
        case .forwardingOff: "net.ipv4.ip_forward is 0."
        case .forwarding6Off: "net.ipv6.conf.all.forwarding is 0."
        case .forwardDrop(let chain): "The policy of the chain '\(chain)' is drop."
        case .noNftables(let why): "The kernel has no nftables: \(why)."
        case .bridgeNetfilter: "net.bridge.bridge-nf-call-iptables is 1."
        case .slowCgroups: "The cgroup hierarchies are mounted without favordynmods."
        case .configurationsUnread(_, let why): "\(why)."
        case .configurationRefused(_, let fault): "\(fault)."
        case .pluginMissing(let plugin, let file, let directories):
            "\(file) needs the plugin '\(plugin)', which is not in "
                + directories.joined(separator: " or ") + "."
        }
    }

    /// What follows from it.
    package var effect: String {
        switch self {
        case .forwardingOff:
            "Pods on a bridge reach the host and each other, but no other host. Other hosts do not "
                + "reach their host ports."
        case .forwarding6Off:
            "With IPv6, pods on a bridge reach the host and the pods of their network, and nothing "
                + "else. Nothing else reaches their IPv6 host ports."
        case .forwardDrop:
            "Unless a rule of that chain accepts them, packets from pods on a bridge to other "
                + "hosts and to host ports are dropped, and so are packets of other hosts to host "
                + "ports."
        case .noNftables: "No pod can be on a bridge."
        case .bridgeNetfilter:
            "Packets between pods on one bridge pass the rules for forwarded packets, which may "
                + "drop them."
        case .slowCgroups: "Each create of a pod and of a task waits for 10 to 25 ms more."
        case .configurationsUnread:
            "Pods of the mode 'cni' cannot be attached to its networks. Deletes go on."
        case .configurationRefused: "No pod can be attached to the network of this file."
        case .pluginMissing:
            "No pod can be attached to the network. The delete of an attached pod waits for the "
                + "plugin."
        }
    }

    /// What an operator can do about it.
    package var advice: String {
        switch self {
        case .forwardingOff:
            "sysctl -w net.ipv4.ip_forward=1, and a file in /etc/sysctl.d for the next boot."
        case .forwarding6Off:
            "sysctl -w net.ipv6.conf.all.forwarding=1, and a file in /etc/sysctl.d for the next "
                + "boot."
        case .forwardDrop:
            "Accept packets from and to interfaces whose names begin with 'sb', for example by "
                + "iptables -I FORWARD -i sb+ -j ACCEPT and iptables -I FORWARD -o sb+ -j ACCEPT."
        case .noNftables: "Load the module nf_tables, or use a kernel with CONFIG_NF_TABLES."
        case .bridgeNetfilter:
            "sysctl -w net.bridge.bridge-nf-call-iptables=0, unless another program needs it."
        case .slowCgroups:
            "Boot with cgroup_favordynmods=1. The daemon never sets it, because it cannot be taken "
                + "back until the next boot."
        case .configurationsUnread(let directory, _): "Look at the directory \(directory)."
        case .configurationRefused(let file, _):
            "Correct or remove \(file). The daemon reads it again when it changes."
        case .pluginMissing: "Install the plugin, or name its directory with --cni-plugin-dir."
        }
    }
}
