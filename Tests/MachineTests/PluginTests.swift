// Pods on networks of real plugins: bridge, host-local and portmap, with masquerading.

import Census
import Foundation
import Glibc
import JSON
import Testing

extension Machine {
    @Suite(.needsDaemon, .enabled(if: PluginNetwork.isThere)) struct PluginPods {
        private static let published =
            #""name": "podnet", "ports": [{"hostPort": 8080, "containerPort": 80}]"#

        private func server(_ daemon: Daemon, _ name: String) -> String {
            let script =
                "mkdir -p /tmp/w && echo \(name) >/tmp/w/name && exec httpd -f -p 80 -h /tmp/w"
            return daemon.rootfs.pod(script, podMore: daemon.rootfs.onPlugins(Self.published))
        }

        @Test(
            "a pod with plugins is reached, also after a daemon's death, and leaves nothing"
        )
        func isReached() throws {
            try withPlugins { plugins, host, daemon, client in
                let pod = try NetworkPod("web", client, server(daemon, "web"))
                #expect(pod.address == "10.211.0.2")
                let interface = try #require(pod.answer["interfaces"]?.elements?.first)
                #expect(interface["network"]?.string == "podnet")
                #expect(interface["gateway"]?.string == "10.211.0.1")
                #expect(interface["addresses"]?.elements?.count == 2)
                let mac = try #require(interface["mac"]?.string)
                #expect(try pod.shell("ip -o link show eth0").contains(mac))
                try eventually("the host reaches it") {
                    try host.get("http://10.211.0.2/name") == "web"
                }
                #expect(try host.get("http://10.211.0.1:8080/name") == "web")
                try daemon.crashAndRestart()
                let after = try client.send("GET", "/v1/pods/web")
                #expect(after["interfaces"] == pod.answer["interfaces"])
                #expect(try host.get("http://10.211.0.1:8080/name") == "web")
                #expect(try !plugins.left(in: host).isEmpty, "the test sees what plugins make")
                #expect(try client.deletePod("web").state == "succeeded")
                #expect(try plugins.left(in: host) == [])
            }
        }

        @Test(
            "a lost pod's rules are removed, although DEL leaves them without the namespace"
        )
        func isLost() throws {
            try withPlugins { plugins, host, daemon, client in
                let pod = try client.createPod("web", server(daemon, "web"))
                let shim = try #require(pod["shim", "pid"]?.integer)
                kill(Int32(shim), SIGKILL)
                try eventually("it is cleaned up") {
                    let now = try client.send("GET", "/v1/pods/web")
                    return now.state == "lost" && now["operation"] == .null
                }
                #expect(try plugins.left(in: host) == [])
                #expect(try client.createPod("next", server(daemon, "next")).status == 201)
                #expect(try client.deletePod("next").state == "succeeded")
            }
        }

        @Test("pods on plugins, whose daemon and shims are killed again and again, leave nothing")
        func churn() throws {
            try withPlugins { plugins, host, _, _ in
                let run = [
                    Installation.churn, "--network", "cni", "--network-name", "podnet", "--publish",
                    "--clients", "4", "--pods", Installation.isDeep ? "500" : "40",
                    "--kill", "daemon", "--every", "1", "--kill", "shim", "--every", "0.5",
                    "--dir", plugins.home, "--cni-config-dir", plugins.configurations,
                    "--cni-plugin-dir", PluginNetwork.debian,
                ]
                let result = try Command.run(host.launcher + run)
                // No daemon lives long enough to show growth.
                #expect(result.status == 2, "\(result.output)")
                #expect(!result.output.contains("FAILED"), "\(result.output)")
                #expect(try plugins.left(in: host) == [])
            }
        }

        @Test("after a reboot the addresses of plugins are given back")
        func reboot() throws {
            try withPlugins { plugins, host, daemon, client in
                for name in ["a", "b"] {
                    let body = daemon.rootfs.pod(
                        "exec sleep 1000", podMore: daemon.rootfs.onPlugins())
                    #expect(try client.createPod(name, body).status == 201)
                }
                #expect(names(in: daemon.dataDirectory + "/cni").count == 2)
                try daemon.reboot()
                try host.shell("nft flush ruleset")
                try eventually("nothing is left") { try plugins.left(in: host).isEmpty }
                try eventually("the notes are gone") { !exists(daemon.dataDirectory + "/cni") }
                try eventually("the audit is balanced") {
                    try client.send("GET", "/v1/audit?fresh=true")["balanced"] == .bool(true)
                }
            }
        }

        @Test("the tasks have the resolver of the network's plugins, which get the pod's")
        func resolver() throws {
            try withPlugins { plugins, _, daemon, client in
                try plugins.plugin(
                    "names",
                    """
                    [ $CNI_COMMAND = ADD ] && echo "$input" > \(plugins.home)/said
                    echo '{"cniVersion": "1.0.0", "ips": [{"address": "10.9.0.1/24"}],'
                    echo '"dns": {"nameservers": ["10.9.0.53"], "search": ["told.example"],'
                    echo '"options": ["edns0"]}}'
                    """)
                let plugin = #"{"type": "names", "capabilities": {"dns": true}}"#
                try plugins.configure("told", [plugin])
                let body = daemon.rootfs.pod(
                    "cat /etc/resolv.conf /etc/hosts; exec sleep 1000",
                    podMore: daemon.rootfs.onPlugins(#""name": "told""#)
                        + #", "dns": {"options": ["ndots:2"]}"#)
                let pod = try client.createPod("web", body)
                #expect(pod.status == 201, "\(pod.reply.text)")
                let log = "\(daemon.logDirectory)/\(pod.uid)/app.log"
                try eventually("the task has told its files") {
                    (text(of: log) ?? "").contains("10.9.0.1\tweb")
                }
                let shown = text(of: log) ?? ""
                for line in ["nameserver 10.9.0.53", "search told.example", "options ndots:2"] {
                    #expect(shown.contains(line), "\(shown)")
                }
                #expect(!shown.contains("edns0"))
                let said = text(of: plugins.home + "/said") ?? ""
                #expect(said.contains(#""ndots:2""#), "\(said)")
                #expect(try client.deletePod("web").state == "succeeded")
            }
        }

        @Test(
            "two interfaces on two networks, with arguments and capabilities, are made and removed")
        func several() throws {
            try withPlugins { plugins, host, daemon, client in
                try plugins.plugin(
                    "note",
                    """
                    echo "$CNI_COMMAND $CNI_IFNAME $CNI_CONTAINERID $CNI_ARGS $input" \
                      >> \(plugins.home)/said
                    echo '{"cniVersion": "1.0.0", "ips": [{"address": "10.9.0.1/24"}]}'
                    """)
                try plugins.configure(
                    "second", [#"{"type": "note", "capabilities": {"bandwidth": true}}"#])
                let network = """
                    "attachments": [{"network": "podnet"}, {"network": "second", "interface": \
                    "net1", "args": {"COLOR": "red"}, "capabilities": {"bandwidth": \
                    {"ingressRate": 1000}}}], "ports": [{"hostPort": 8080, "containerPort": 80}]
                    """
                let body = daemon.rootfs.pod(
                    "exec sleep 1000",
                    podMore: daemon.rootfs.onPlugins(network)
                        + #", "labels": {"io.kubernetes.pod.namespace": "prod"}"#)
                let pod = try client.createPod("web", body)
                #expect(pod.status == 201, "\(pod.reply.text)")
                #expect(pod["interfaces"]?.elements?.count == 2)
                #expect(try client.deletePod("web").state == "succeeded")
                let said = text(of: plugins.home + "/said") ?? ""
                let lines = said.split(separator: "\n").map(String.init)
                #expect(lines.count == 2, "\(said)")
                for (line, verb) in zip(lines, ["ADD", "DEL"]) {
                    #expect(line.hasPrefix("\(verb) net1 \(pod.uid) IgnoreUnknown=1;"), "\(line)")
                    #expect(line.contains("K8S_POD_NAMESPACE=prod;K8S_POD_NAME=web;"))
                    #expect(line.contains(";COLOR=red "))
                    #expect(line.contains(#""runtimeConfig":{"bandwidth":{"ingressRate":1000}}"#))
                    #expect(!line.contains("portMappings"))
                }
                #expect(lines.last?.contains(#""prevResult""#) == true)
                _ = host
            }
        }

        @Test("a pod is deleted with the configuration that it was made with")
        func keepsBytes() throws {
            try withPlugins { plugins, host, daemon, client in
                let pod = try client.createPod("web", server(daemon, "web"))
                #expect(pod.status == 201)
                try plugins.configure("podnet", [#"{"type": "absent"}"#])
                #expect(try client.deletePod("web").state == "succeeded")
                #expect(try plugins.left(in: host) == [])
            }
        }
    }
}
