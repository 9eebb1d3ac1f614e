// Networks of plugins for one test: configurations, plugins of the test's own beside Debian's, and
// what any of them has left.

import Foundation
import Testing

final class PluginNetwork {
    let home: String
    /// The real plugins.
    static let debian = "/usr/lib/cni"
    static var isThere: Bool { exists(debian + "/bridge") && exists("/usr/sbin/iptables-save") }

    var configurations: String { home + "/net.d" }
    var plugins: String { home + "/bin" }
    var arguments: [String] {
        [
            "--cni-config-dir", configurations, "--cni-plugin-dir", plugins, "--cni-plugin-dir",
            Self.debian,
        ]
    }

    init() throws {
        home = "/tmp/staunch-test-plugins-\(getpid())-\(UInt32.random(in: 0...(.max)))"
        for path in [configurations, plugins] { try makeDirectory(path) }
    }

    func putAway() { Issue.recordFailure { try Command.run("rm", "-rf", home) } }

    /// A chain of plugins. `plugins` contains JSON objects.
    func configure(
        _ network: String, file: String? = nil, version: String = "1.0.0", _ plugins: [String]
    ) throws {
        let text = """
            {"cniVersion": "\(version)", "name": "\(network)", "disableCheck": false,
             "plugins": [\(plugins.joined(separator: ", "))]}
            """
        try write(text, to: "\(configurations)/\(file ?? "\(network).conflist")")
    }

    /// Bridge, addresses, masquerade and host ports of the real plugins.
    var bridge: String {
        """
        {"type": "bridge", "bridge": "plugbr0", "isGateway": true, "ipMasq": true, \
        "hairpinMode": true, "ipam": {"type": "host-local", "dataDir": "\(home)/addresses", \
        "ranges": [[{"subnet": "10.211.0.0/24"}], [{"subnet": "fd21:1::/64"}]], \
        "routes": [{"dst": "0.0.0.0/0"}]}}
        """
    }
    static let portmap = #"{"type": "portmap", "capabilities": {"portMappings": true}}"#

    /// The network `podnet` of the real plugins.
    func configureBridge() throws { try configure("podnet", [bridge, Self.portmap]) }

    /// A plugin that is a shell's script. It answers VERSION before the script, which has the
    /// variables of the protocol and `$input`.
    func plugin(_ name: String, versions: String = #""1.0.0""#, _ script: String) throws {
        let path = "\(plugins)/\(name)"
        try write(
            """
            #!/bin/bash
            input=$(cat)
            if [ "$CNI_COMMAND" = VERSION ]; then
              echo '{"cniVersion": "1.0.0", "supportedVersions": [\(versions)]}'; exit
            fi
            \(script)
            """, to: path)
        try Command.run("chmod", "755", path)
    }

    /// What is left of any pod: rules and chains, interfaces of pairs, addresses.
    func left(in host: HostNetwork) throws -> [String] {
        let rules = try ["iptables-save", "ip6tables-save"].flatMap { program in
            try host.shell(program).split(separator: "\n").map(String.init).filter { line in
                line.contains(#"id: \""#) || line.contains(#" id: "#)
                    || line.firstMatch(of: /CNI-(DN-|SN-)?[0-9a-f]{10}/) != nil
            }
        }
        let links = try host.shell("ip -o link show type veth").split(separator: "\n")
        let folders = names(in: home + "/addresses").map { "\(home)/addresses/\($0)" }
        let addresses = folders.flatMap { folder in
            names(in: folder).filter { $0 != "lock" && !$0.hasPrefix("last_reserved_ip") }
        }
        return rules + links.map(String.init) + addresses
    }
}

extension Rootfs {
    func onPlugins(_ network: String = #""name": "podnet""#) -> String {
        #""network": {"mode": "cni"\#(network.isEmpty ? "" : ", " + network)}"#
    }
}

/// A daemon in a network namespace of its own, with networks of plugins. Nothing of a pod may be
/// left in the plugins' rules and files.
func withPlugins(
    _ arguments: [String] = [], hasFailpoints: Bool = false,
    sourceLocation: SourceLocation = #_sourceLocation,
    _ body: (PluginNetwork, HostNetwork, Daemon, Client) throws -> Void
) throws {
    let plugins = try PluginNetwork()
    defer { plugins.putAway() }
    try plugins.configureBridge()
    try withNetwork(
        plugins.arguments + arguments, hasFailpoints: hasFailpoints,
        sourceLocation: sourceLocation
    ) { host, daemon, client in
        daemon.pluginNetwork = plugins
        daemon.removals.append {
            Issue.recordFailure {
                #expect(try plugins.left(in: host) == [], sourceLocation: sourceLocation)
                // What belongs to no pod stays: the bridge, and the plugins' common rules.
                try host.shell("nft flush ruleset; ip link del plugbr0 2>/dev/null; true")
            }
        }
        try body(plugins, host, daemon, client)
    }
}
