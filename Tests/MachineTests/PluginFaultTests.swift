// Plugins that hang, lie, flood, die or kill, and configurations that cannot be used.

import Foundation
import Glibc
import JSON
import Testing

extension Machine {
    @Suite(.needsDaemon, .enabled(if: PluginNetwork.isThere)) struct PluginFaults {
        /// What a plugin does in an ADD.
        enum Hostile: String, CaseIterable, Sendable, CustomTestStringConvertible {
            case garbage, flood, errorWithSuccess, noResult, killsItself, killsHelper
            case olderVersion, leavesProcess, forks

            var testDescription: String { rawValue }

            private static let result =
                #"echo '{"cniVersion": "1.0.0", "ips": [{"address": "10.9.0.1/24"}]}'"#

            var script: String {
                switch self {
                case .garbage: "echo '}{'"
                case .flood: "head -c 100000000 /dev/zero; head -c 100000000 /dev/zero >&2"
                case .errorWithSuccess: #"echo '{"code": 7, "msg": "broken wire"}'"#
                case .noResult: "echo why >&2"
                case .killsItself: "kill -SEGV $$"
                case .killsHelper: "kill -9 $PPID; sleep 100000"
                case .olderVersion:
                    """
                    echo '{"cniVersion": "0.3.1", "ips": [{"version": "4", "address": \
                    "10.9.0.1/24"}]}'
                    """
                case .leavesProcess: "(setsid sleep 100000 &); \(Self.result)"
                case .forks: "exec sh -c 'for i in $(seq 4000); do sleep 100000 & done'"
                }
            }

            /// What the failure says; `nil` if the create succeeds.
            var failure: String? {
                switch self {
                case .garbage: "is not JSON"
                case .flood: "wrote more than 4194304 bytes"
                case .errorWithSuccess: "broken wire"
                case .noResult: "no result; standard error: why"
                case .killsItself: "signal 11 killed the plugin"
                case .killsHelper: "the helper was killed"
                // Without the limit of the cgroup, all of the processes exist.
                case .forks: "exited with code 2"
                case .olderVersion, .leavesProcess: nil
                }
            }
        }

        @Test(
            "a hostile plugin fails at most its own create, and nothing is left",
            arguments: Hostile.allCases)
        func hostile(_ hostile: Hostile) throws {
            try withPlugins { plugins, host, daemon, client in
                try plugins.plugin(
                    "hostile", "if [ $CNI_COMMAND = ADD ]; then\n\(hostile.script)\nfi; exit 0")
                try plugins.configure("bad", [#"{"type": "hostile"}"#])
                let body = daemon.rootfs.pod(
                    "exec sleep 1000", podMore: daemon.rootfs.onPlugins(#""name": "bad""#))
                let pod = try client.createPod("web", body)
                if let failure = hostile.failure {
                    #expect(pod.status == 500, "\(pod.reply.text)")
                    #expect(pod.code == "network-failed")
                    #expect(pod["detail"]?.string?.contains(failure) == true, "\(pod.reply.text)")
                } else {
                    #expect(pod.status == 201, "\(pod.reply.text)")
                    #expect(try client.deletePod("web").state == "succeeded")
                }
                #expect(daemon.leftovers() == [])
                _ = host
            }
        }

        @Test(
            "a plugin that hangs is shown, and a delete or a cancel ends it",
            arguments: ["ADD", "VERSION"], [true, false])
        func hangs(_ verb: String, _ isDeleted: Bool) throws {
            try withPlugins { plugins, host, daemon, client in
                try plugins.plugin("slow", "true")
                let script = text(of: plugins.plugins + "/slow") ?? ""
                try write(
                    script.replacingOccurrences(
                        of: "input=$(cat)",
                        with: "input=$(cat); if [ $CNI_COMMAND = \(verb) ]; then sleep 100000; fi"),
                    to: plugins.plugins + "/slow")
                try plugins.configure("bad", [#"{"type": "slow"}"#])
                let body = daemon.rootfs.pod(
                    "exec sleep 1000", podMore: daemon.rootfs.onPlugins(#""name": "bad""#))
                let create = try client.send("PUT", "/v1/pods/web", body)
                try eventually("the plugin is shown") {
                    let operation = try client.send("GET", "/v1/operations/\(create.id)")
                    let step = operation["steps"]?.elements?.first {
                        $0["name"]?.string == "network.attach"
                    }
                    return step?["detail"]?.string?.contains("a plugin: s") ?? false
                }
                #expect(try client.createPod("other", daemon.rootfs.sleeper).status == 201)
                if isDeleted {
                    var state: String?
                    let took = try seconds { state = try client.deletePod("web").state }
                    #expect(state == "succeeded")
                    #expect(took < 5)
                } else {
                    try client.send("POST", "/v1/operations/\(create.id)/cancel")
                    #expect(try client.follow(create.id).state == "canceled")
                }
                #expect(try client.deletePod("other").state == "succeeded")
                #expect(daemon.leftovers() == [])
                _ = host
            }
        }

        @Test(
            "a delete whose plugin is gone waits, names the directories, and ends once it is back")
        func pluginIsGone() throws {
            try withPlugins { plugins, host, daemon, client in
                try plugins.plugin("note", #"echo '{"cniVersion": "1.0.0"}'"#)
                try plugins.configure("bad", [#"{"type": "note"}"#])
                let body = daemon.rootfs.pod(
                    "exec sleep 1000", podMore: daemon.rootfs.onPlugins(#""name": "bad""#))
                #expect(try client.createPod("web", body).status == 201)
                try Command.run("mv", plugins.plugins + "/note", plugins.home + "/note")
                let delete = try client.send("DELETE", "/v1/pods/web?grace=0")
                try eventually("the delete names the plugin") {
                    let operation = try client.send("GET", "/v1/operations/\(delete.id)")
                    let step = operation["steps"]?.elements?.first {
                        $0["name"]?.string == "network.detach"
                    }
                    let detail = step?["detail"]?.string ?? ""
                    return step?["state"]?.string == "waiting"
                        && detail.contains("no program 'note' in \(plugins.plugins)")
                }
                try daemon.crashAndRestart()
                try Command.run("mv", plugins.home + "/note", plugins.plugins + "/note")
                #expect(try client.follow(delete.id).state == "succeeded")
                _ = host
            }
        }

        /// What a plugin leaves although its DEL says yes.
        enum Left: String, CaseIterable, Sendable {
            case rule, chain, rule6, link, address

            func script(_ plugins: PluginNetwork) -> String {
                let comment = #"-m comment --comment "name: \"bad\" id: \"$CNI_CONTAINERID\"""#
                let chain = #"CNI-$(printf bad%s "$CNI_CONTAINERID" | sha512sum | head -c 24)"#
                return switch self {
                case .rule: "iptables -t nat -A POSTROUTING \(comment) -j ACCEPT"
                case .rule6: "ip6tables -t nat -A POSTROUTING \(comment) -j ACCEPT"
                case .chain:
                    """
                    chain=\(chain); iptables -t nat -N $chain; iptables -t nat -A $chain -j ACCEPT
                    iptables -t nat -A POSTROUTING \(comment) -j $chain
                    """
                case .link:
                    """
                    ip link add vethleft address 02:00:00:00:00:77 type veth
                    """
                case .address:
                    """
                    mkdir -p \(plugins.home)/addresses/bad
                    printf '%s\\r\\neth0' $CNI_CONTAINERID > \(plugins.home)/addresses/bad/10.9.0.1
                    """
                }
            }
        }

        @Test("what a plugin leaves although its DEL says yes is removed", arguments: Left.allCases)
        func isRemoved(_ left: Left) throws {
            try withPlugins { plugins, host, daemon, client in
                let result = """
                    echo '{"cniVersion": "1.0.0", "interfaces": [{"name": "vethleft", "mac": \
                    "02:00:00:00:00:77"}, {"name": "eth0", "sandbox": "/x"}], "ips": []}'
                    """
                try plugins.plugin(
                    "liar",
                    """
                    if [ $CNI_COMMAND = ADD ]; then
                    \(left.script(plugins))
                    \(result)
                    fi; exit 0
                    """
                )
                try plugins.plugin("host-local", "exit 0")
                try plugins.configure(
                    "bad",
                    [
                        """
                        {"type": "liar", "ipam": {"type": "host-local", "dataDir": \
                        "\(plugins.home)/addresses"}}
                        """
                    ])
                let body = daemon.rootfs.pod(
                    "exec sleep 1000", podMore: daemon.rootfs.onPlugins(#""name": "bad""#))
                let pod = try client.createPod("web", body)
                #expect(pod.status == 201, "\(pod.reply.text)")
                #expect(try !plugins.left(in: host).isEmpty, "the plugin has made nothing")
                #expect(try client.deletePod("web").state == "succeeded")
                #expect(try plugins.left(in: host) == [])
            }
        }

        /// A request that a configuration cannot serve, the status, and a part of the detail.
        private static let refusals: [(network: String, status: Int, detail: String)] = [
            (#""name": "none""#, 404, "there is no network 'none'"),
            (#""name": "broken""#, 422, "broken.conflist:3"),
            (#""name": "absent""#, 422, "there is no plugin 'nowhere'"),
            (#""name": "newer""#, 422, "supports none"),
            (
                #""name": "plain", "ports": [{"hostPort": 8080, "containerPort": 80}]"#, 422,
                "'portMappings'"
            ),
            (
                """
                "attachments": [{"network": "plain", "capabilities": {"mac": "02:00:00:00:00:01"}}]
                """,
                422, "'mac'"
            ),
        ]

        @Test(
            "a network that cannot be used is refused with the file and the reason"
        )
        func refused() throws {
            try withPlugins { plugins, host, daemon, client in
                try write(
                    "{\"cniVersion\": \"1.0.0\", \"name\": \"broken\",\n \"plugins\":\n  7}",
                    to: plugins.configurations + "/broken.conflist")
                try plugins.plugin("new", versions: #""9.0.0""#, "exit 1")
                try plugins.plugin("plain", "exit 1")
                try plugins.configure("absent", [#"{"type": "nowhere"}"#])
                try plugins.configure("newer", [#"{"type": "new"}"#])
                try plugins.configure("plain", [#"{"type": "plain"}"#])
                for (network, status, detail) in Self.refusals {
                    let body = daemon.rootfs.pod(
                        "exec sleep 1000", podMore: daemon.rootfs.onPlugins(network))
                    let answer = try client.createPod("web", body)
                    #expect(answer.status == status, "\(answer.reply.text)")
                    #expect(answer.reply.text.contains(detail), "\(answer.reply.text)")
                    #expect(daemon.leftovers() == [])
                }
                _ = host
            }
        }
    }
}
