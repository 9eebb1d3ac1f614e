// Hostile plugins while pods come and go, and while the daemon and its shims are killed.

import Foundation
import Testing

extension Machine {
    @Suite(.needsDaemon, .enabled(if: PluginNetwork.isThere)) struct PluginChurn {
        /// A plugin between the bridge and the host ports. The pod's uid decides what it does. The
        /// first DEL of many pods fails, and every later one says yes.
        private func script(marks: String) -> String {
            """
            previous() { tr -d '\\n' <<<"$input" | sed 's/.*"prevResult": *//; s/}$//'; }
            number=$((16#${CNI_CONTAINERID: -2}))
            case $CNI_COMMAND in
            ADD)
              case $((number % 10)) in
              0) echo '}{' ;;
              1) head -c 100000000 /dev/zero; head -c 100000000 /dev/zero >&2 ;;
              2) echo '{"code": 7, "msg": "broken wire"}'; exit 1 ;;
              3) echo why >&2 ;;
              4) kill -SEGV $$ ;;
              5) kill -9 $PPID; sleep 100000 ;;
              6) (setsid sleep 100000 &); previous ;;
              7) sleep 1; previous ;;
              8) exec sh -c 'for i in $(seq 4000); do sleep 100000 & done' ;;
              *) previous ;;
              esac ;;
            DEL)
              [ -e \(marks)/$CNI_CONTAINERID ] && exit 0
              touch \(marks)/$CNI_CONTAINERID
              case $((number % 5)) in
              0) echo '{"code": 7, "msg": "not yet"}'; exit 1 ;;
              1) kill -9 $PPID; sleep 100000 ;;
              2) echo '}{' ;;
              3) sleep 0.3 ;;
              esac ;;
            esac
            exit 0
            """
        }

        @Test("hostile plugins under churn, with kills of daemon and shims, leave nothing")
        func churn() throws {
            try withPlugins { plugins, host, _, _ in
                let marks = plugins.home + "/marks"
                try makeDirectory(marks)
                try plugins.plugin("hostile", script(marks: marks))
                try plugins.configure(
                    "bad", [plugins.bridge, #"{"type": "hostile"}"#, PluginNetwork.portmap])
                let run = [
                    Installation.churn, "--network", "cni", "--network-name", "bad", "--publish",
                    "--clients", "4", "--pods", Installation.isDeep ? "300" : "40",
                    "--kill", "daemon", "--every", "3", "--kill", "shim", "--every", "2",
                    "--dir", plugins.home, "--cni-config-dir", plugins.configurations,
                    "--cni-plugin-dir", plugins.plugins, "--cni-plugin-dir", PluginNetwork.debian,
                ]
                let result = try Command.run(host.launcher + run)
                for held in ["orphans in the audit", "left on the machine", "operations left open"]
                {
                    #expect(result.output.contains("ok     \(held): 0\n"), "\(result.output)")
                }
                // The creates that a plugin fails are the answers that were not promised.
                let failed = result.output.split(separator: "\n").filter { $0.hasPrefix("FAILED") }
                #expect(
                    failed.allSatisfy { $0.contains("answers that were not promised") },
                    "\(result.output)")
                #expect(result.output.contains("of the plugin 'hostile'"), "\(result.output)")
                #expect(try plugins.left(in: host) == [])
            }
        }
    }
}
