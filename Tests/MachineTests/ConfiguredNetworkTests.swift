// The networks of files (CNI) in the API: reload, faults with their places, plugins that do not
// answer, and a disk that does not.

import Foundation
import Glibc
import JSON
import Testing

extension Machine {
    @Suite(.needsDaemon) struct ConfiguredNetworks {
        @Test("each change of the directory is shown, also if it is replaced or comes back")
        func reload() throws {
            try withPlugins { place, client in
                #expect(try client.configured().isEmpty, "there is no directory yet")
                try makeDirectory(place.configurations)
                try place.configure("10-a.conflist", place.list("a"))
                try expect("a file in a new directory", ["a"], client)
                try write(place.list("b"), to: place.home + "/draft")
                try Command.expect(
                    "mv", place.home + "/draft", place.configurations + "/20-b.conflist")
                try expect("a file that is moved there", ["a", "b"], client)
                try makeDirectory(place.home + "/next")
                try write(place.list("c"), to: place.home + "/next/1.conflist")
                try Command.expect("mv", place.configurations, place.home + "/former")
                try Command.expect("mv", place.home + "/next", place.configurations)
                try expect("another directory", ["c"], client)
                try Command.expect("rm", "-r", place.configurations)
                try expect("no directory", [], client)
                try makeDirectory(place.configurations)
                try place.configure("10-a.conflist", place.list("a"))
                try expect("the directory again", ["a"], client)
                try makeDirectory(place.configurations + "/a")
                try write(#"{"type": "gone"}"#, to: place.configurations + "/a/1.conf")
                try eventually("the folder's plugin") {
                    try client.configured()[0]["plugins"]?.elements?.count == 2
                }
                #expect(try client.findings() == ["cni-plugin"])
                try place.plugin("gone", "exit 1")
                try eventually("an installed plugin") { try client.findings().isEmpty }
            }
        }

        private func expect(_ what: String, _ names: [String], _ client: Client) throws {
            try eventually(what, within: 10) {
                try client.configured().map { $0["name"]?.string } == names
            }
        }

        @Test("a fault is shown with its line, and hides no other network")
        func faults() throws {
            try withPlugins { place, client in
                try makeDirectory(place.configurations)
                try place.configure("10-x.conflist", "{\n  \"name\": \"x\",\n  \"plugins\": 1\n}")
                try place.configure("20-y.conflist", "{\n")
                try place.configure("30-a.conflist", place.list("a"))
                try Command.expect("mkfifo", place.configurations + "/40-f.conf")
                try eventually("all files are listed") { try client.configured().count == 4 }
                let networks = try client.configured()
                #expect(networks.map { $0["name"]?.string } == ["x", nil, "a", nil])
                let faults = networks.map { $0["faults"]?.elements ?? [] }
                let first = faults[0].first { $0["pointer"]?.string == "/plugins" }
                #expect(first?["line"]?.integer == 3)
                #expect(faults[1].first?["line"]?.integer == 2)
                #expect(faults[2].isEmpty && faults[3].count == 1)
                #expect(try client.findings().filter { $0 == "cni-configuration" }.count == 3)
                let shown = try client.send("GET", "/v1/networks/a")
                #expect(shown["mode"]?.string == "cni")
                #expect(shown["file"]?.string == place.configurations + "/30-a.conflist")
                #expect(shown["cniVersion"]?.string == "1.1.0")
                #expect(
                    shown["plugins"]?.elements?.first?["path"]?.string
                        == place.plugins + "/answers")
                for method in ["PUT", "DELETE"] {
                    let answer = try client.send(
                        method, "/v1/networks/a", method == "PUT" ? "{}" : nil)
                    #expect(answer.status == 409 && answer.code == "network-configured")
                }
                #expect(try client.send("GET", "/v1/networks/a?mode=bridge").status == 404)
                #expect(try client.send("GET", "/v1/networks/x?mode=cni").status == 200)
            }
        }

        @Test(
            "STATUS is shown, and a plugin that hangs, prints without end or garbage delays nothing"
        )
        func status() throws {
            try withPlugins { place, client in
                try makeDirectory(place.configurations)
                for (name, body) in [
                    ("ready", "exit 0"), ("hangs", "sleep 1000"), ("floods", "yes"),
                    ("garbage", "echo hello; exit 3"),
                    ("unready", #"echo '{"code": 50, "msg": "no route"}'; exit 1"#),
                ] {
                    try place.plugin(name, "[ $CNI_COMMAND = STATUS ] && { \(body); }")
                    try place.configure("\(name).conflist", place.list(name, type: name))
                }
                try place.configure("0-old.conflist", place.list("old", version: "1.0.0"))
                func state(_ name: String) throws -> String? {
                    let took = try seconds { _ = try client.configured() }
                    #expect(took < 1)
                    return try client.send("GET", "/v1/networks/\(name)")["status", "state"]?.string
                }
                try eventually("it is asked") { try state("hangs") == "asking" }
                try eventually("the others answer") {
                    try state("ready") == "ready" && state("unready") == "not-ready"
                        && state("garbage") == "unanswered" && state("floods") == "unanswered"
                }
                let unready = try client.send("GET", "/v1/networks/unready")["status"]
                #expect(unready?["plugin"]?.string == "unready")
                #expect(unready?["detail"]?.string?.contains("no route") == true)
                #expect(try client.send("GET", "/v1/networks/old")["status"] == .null)
                try eventually("it is given up") { try state("hangs") == "unanswered" }
            }
        }

        @Test(
            "GC at the start removes what belongs to no pod, and only if the operator asks for it",
            arguments: [true, false])
        func garbage(isAsked: Bool) throws {
            let place = try PluginPlace()
            defer { place.putAway() }
            let kept = place.home + "/kept"
            for path in [place.configurations, kept] { try makeDirectory(path) }
            try place.configure("1.conflist", place.list("a"))
            try place.configure("2.conflist", place.list("old", version: "1.0.0"))
            let result = #"{"cniVersion": "1.1.0", "ips": [{"address": "10.9.9.9/24"}]}"#
            try place.plugin(
                "answers",
                """
                input=$(cat)
                cd \(kept)
                case $CNI_COMMAND in
                ADD) touch $CNI_CONTAINERID; echo '\(result)' ;;
                DEL) rm -f $CNI_CONTAINERID ;;
                GC) echo "$input" >>../requests
                  for id in *; do case $input in *$id*) ;; *) rm -f $id ;; esac; done ;;
                esac
                """)
            let asked = isAsked ? ["--cni-gc", "start"] : []
            try withDaemon(place.arguments + asked) { daemon, client in
                let network = #""network": {"mode": "cni", "name": "a"}"#
                let made = try client.createPod(
                    "web", daemon.rootfs.pod("exec sleep 1000", podMore: network))
                #expect(made.status == 201, "\(made.reply.text)")
                try write("", to: kept + "/stranger")
                #expect(exists(place.home + "/requests") == isAsked, "at the first start")
                try daemon.crashAndRestart()
                // A create waits for GC.
                let more = try client.createPod(
                    "late", daemon.rootfs.pod("exec sleep 1000", podMore: network))
                #expect(more.status == 201, "\(more.reply.text)")
                let uids = Set([made.uid, more.uid])
                #expect(Set(names(in: kept)) == uids.union(isAsked ? [] : ["stranger"]))
                let said = text(of: place.home + "/requests") ?? ""
                let lines = said.split(separator: "\n").map(String.init)
                #expect(lines.count == (isAsked ? 2 : 0))
                if let last = lines.last {
                    let list = #"[{"containerID":"\#(made.uid)","ifname":"eth0"}]"#
                    #expect(last.contains(#""cni.dev/valid-attachments":\#(list)"#))
                    #expect(last.contains(#""cni.dev/attachments":\#(list)"#))
                }
                for name in ["web", "late"] {
                    #expect(try client.deletePod(name).state == "succeeded")
                }
                #expect(names(in: kept) == (isAsked ? [] : ["stranger"]))
            }
        }

        @Test("a directory on a hung disk delays no answer, and is read when the disk answers")
        func hungDisk() throws {
            var disk: StallingDisk?
            let place = try PluginPlace()
            defer { place.putAway() }
            try withDaemon(
                place.arguments, setUp: { disk = try StallingDisk(at: place.home + "/etc", of: $0) }
            ) { daemon, client in
                let disk = try #require(disk)
                try makeDirectory(place.configurations)
                try place.configure("1.conflist", place.list("a"))
                try expect("the first file", ["a"], client)
                // The file is written while the daemon cannot read it. So its first read, which
                // changes the time of access, waits for the disk.
                kill(daemon.pid, SIGSTOP)
                defer { kill(daemon.pid, SIGCONT) }
                try place.configure("2.conflist", place.list("b"))
                try disk.stall()
                kill(daemon.pid, SIGCONT)
                try eventually("the helper waits for the disk") {
                    daemon.children().contains { processState($0) == "D" }
                }
                #expect(try seconds { _ = try client.configured() } < 1)
                #expect(try client.configured().count == 1)
                #expect(try client.send("GET", "/readyz").status == 200)
                let made = try client.createPod("web", daemon.rootfs.pod("exec sleep 1000"))
                #expect(made.status == 201)
                #expect(try client.deletePod("web").state == "succeeded")
                disk.resume()
                try eventually("the second file") { try client.configured().count == 2 }
            }
        }
    }
}

/// The directories of plugins and configurations of one test.
struct PluginPlace {
    let home = "/tmp/staunch-cni-\(UUID().uuidString.prefix(8))"

    init() throws { try makeDirectory(home) }

    func putAway() {
        do { try FileManager.default.removeItem(atPath: home) } catch { Issue.record(error) }
    }

    var configurations: String { home + "/etc/net.d" }
    var plugins: String { home + "/plugins" }
    var arguments: [String] {
        ["--cni-config-dir", configurations, "--cni-plugin-dir", plugins]
    }

    func configure(_ file: String, _ text: String) throws {
        try write(text, to: "\(configurations)/\(file)")
    }

    func list(_ name: String, type: String = "answers", version: String = "1.1.0") -> String {
        #"{"cniVersion": "\#(version)", "name": "\#(name)", "plugins": [{"type": "\#(type)"}]}"#
    }

    /// Installs a plugin that answers VERSION, and else does what `body` says.
    func plugin(_ type: String, _ body: String) throws {
        try makeDirectory(plugins)
        let text = """
            #!/bin/sh
            [ $CNI_COMMAND = VERSION ] && {
                echo '{"cniVersion": "1.1.0", "supportedVersions": ["1.0.0", "1.1.0"]}'
                exit 0
            }
            \(body)
            """
        try write(text, to: "\(plugins)/\(type)")
        try Command.expect("chmod", "755", "\(plugins)/\(type)")
    }
}

private func withPlugins(_ body: (PluginPlace, Client) throws -> Void) throws {
    let place = try PluginPlace()
    defer { place.putAway() }
    try place.plugin("answers", "exit 0")
    try withDaemon(place.arguments) { _, client in try body(place, client) }
}

extension Client {
    /// The networks of files.
    fileprivate func configured() throws -> [JSONValue] {
        let items = try send("GET", "/v1/networks")["items"]?.elements ?? []
        return items.filter { $0["mode"]?.string == "cni" }
    }

    /// The codes of the findings about networks of files.
    fileprivate func findings() throws -> [String] {
        let findings = try send("GET", "/v1")["findings"]?.elements ?? []
        return findings.compactMap { $0["code"]?.string }.filter { $0.hasPrefix("cni-") }
    }
}
