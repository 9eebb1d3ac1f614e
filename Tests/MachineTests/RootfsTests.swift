// An image's content does not touch the host: neither its links nor its missing entries.

import Foundation
import Glibc
import JSON
import Testing

extension Machine {
    @Suite(.needsDaemon) struct RootfsContent {
        @Test("a link at /dev, /proc or /sys is refused by name", arguments: HostLink.fixed)
        func fixedPlaces(_ link: HostLink) throws {
            try withCanary { daemon, client, canary in
                try link.plant(in: daemon.rootfs.path, to: canary)
                let answer = try client.createPod("web", daemon.rootfs.pod("true"))
                #expect(answer.code == "mount-target-refused", "\(answer.reply.text)")
                #expect(answer.reply.text.contains("/\(link.place) is a symbolic link"))
            }
        }

        @Test(
            "a link on the path to a mount's target is resolved inside the rootfs",
            arguments: HostLink.ways)
        func targets(_ link: HostLink) throws {
            try withCanary { daemon, client, canary in
                try link.plant(in: daemon.rootfs.path, to: canary)
                let source = daemon.home + "/source"
                try write("mine", to: source)
                let more = """
                    "mounts": [{"type": "tmpfs", "target": "/\(link.place)/memory"},
                        {"type": "bind", "source": "\(source)", "target": "/\(link.place)/file"}],
                    "cwd": "/\(link.place)/made/here"
                    """
                let output = try said(
                    "cat /\(link.place)/file; touch /\(link.place)/memory/x; pwd; echo END", more,
                    daemon, client)
                #expect(output.hasPrefix("mine"), "\(output)")
                #expect(output.contains("/made/here"), "\(output)")
            }
        }

        @Test("an endless link and a link to a file are refused by name")
        func noWay() throws {
            try withCanary { daemon, client, canary in
                let rootfs = daemon.rootfs
                unsafe symlink("round", rootfs.path + "/round")
                unsafe symlink("/etc/passwd", rootfs.path + "/file")
                for (target, says) in [("/round/x", "ELOOP"), ("/file/x", "ENOTDIR")] {
                    let more = #""mounts": [{"type": "tmpfs", "target": "\#(target)"}]"#
                    let answer = try client.createPod("web", rootfs.pod("true", more))
                    #expect(answer.code == "mount-target-refused", "\(answer.reply.text)")
                    #expect(answer.reply.text.contains(says), "\(answer.reply.text)")
                }
            }
        }

        @Test(
            "a rootfs that changes between the look and the runtime's use never leads to the host",
            arguments: ["dev", "data", "data/deep"])
        func changed(_ place: String) throws {
            try withRuntime("rootfs: changes before the runtime's use", .none) { daemon, client in
                let canary = daemon.home + "/host"
                let lower = daemon.rootfs.path + "/" + place
                try makeDirectory(canary)
                for name in ["data/deep", "dev"] {
                    try makeDirectory("\(daemon.rootfs.path)/\(name)")
                }
                // The runtime swaps the lower layer when it runs.
                daemon.misbehave(
                    Misconduct(
                        name: "swaps", verb: "run",
                        script: "rm -rf '\(lower)'; ln -s '\(canary)' '\(lower)'"))
                let more = #""mounts": [{"type": "tmpfs", "target": "/data/deep/memory"}]"#
                let pod = try client.createPod(
                    "web", daemon.rootfs.pod("exec sleep 1000", more))
                #expect(names(in: canary) == [])
                // The result does not depend on what the kernel has cached of the lower layer.
                #expect(exists("\(daemon.dataDirectory)/\(pod.uid)/app/upper/\(place)"))
                try client.deletePod("web", query: "grace=0&allowMissing=true")
                #expect(names(in: canary) == [])
                unsafe unlink(lower)
            }
        }

        @Test(
            "nothing is made in a bind mount's source",
            arguments: [
                (#""mounts": [BIND, {"type": "tmpfs", "target": "/data/sub"}]"#, "/sub"),
                (#""mounts": [BIND], "cwd": "/data/sub""#, "/sub"),
                (#""mounts": [BIND, {"type": "tmpfs", "target": "/data/link/x"}]"#, "/link/x"),
            ])
        func bindSources(_ more: String, _ says: String) throws {
            try withCanary { daemon, client, canary in
                unsafe symlink("/", canary + "/link")
                let bind = #"{"type": "bind", "source": "\#(canary)", "target": "/data"}"#
                let body = daemon.rootfs.pod(
                    "true", more.replacingOccurrences(of: "BIND", with: bind))
                let answer = try client.createPod("web", body)
                #expect(answer.code == "mount-target-refused", "\(answer.reply.text)")
                #expect(answer.reply.text.contains("create \(says)") || says == "/link/x")
                #expect(answer.reply.text.contains(canary), "\(answer.reply.text)")
                unsafe unlink(canary + "/link")
            }
        }

        @Test("a cwd may go through a link inside a bind mount, and not out of it")
        func cwdThroughLink() throws {
            try withDaemon { daemon, client in
                let source = daemon.home + "/source"
                try makeDirectory(source + "/releases/3/deep")
                unsafe symlink("releases/3", source + "/current")
                unsafe symlink("/nowhere", source + "/out")
                func more(_ cwd: String) -> String {
                    """
                    "mounts": [{"type": "bind", "source": "\(source)", "target": "/app"}],
                    "cwd": "\(cwd)"
                    """
                }
                for cwd in ["/app/current", "/app/current/deep"] {
                    let output = try said("pwd; echo END", more(cwd), daemon, client)
                    #expect(output.hasPrefix("/app/"), "\(output)")
                    try client.deletePod("web")
                }
                let answer = try client.createPod(
                    "web", daemon.rootfs.pod("true", more("/app/out")))
                #expect(answer.code == "mount-target-refused", "\(answer.reply.text)")
            }
        }

        @Test("a mount inside a bind mount uses an existing mount point")
        func nested() throws {
            try withDaemon { daemon, client in
                let source = daemon.home + "/source"
                try makeDirectory(source + "/sub")
                let output = try said(
                    "touch /data/sub/x /data/y; ls /data /data/sub; echo END",
                    """
                    "mounts": [{"type": "tmpfs", "target": "/data/sub"},
                        {"type": "bind", "source": "\(source)", "target": "/data"}]
                    """, daemon, client)
                #expect(output.contains("x"), "\(output)")
                #expect(Set(names(in: source)) == ["sub", "y"])
                #expect(names(in: source + "/sub") == [])
            }
        }

        @Test(
            "a rootfs may have any path",
            arguments: ["long", "a:b,c\\d", "é", "e,\u{301}x:\u{301}"])
        func paths(_ name: String) throws {
            try withDaemon { daemon, client in
                let below = daemon.home + "/paths"
                var path = below
                if name == "long" {
                    let part = "/" + String(repeating: "n", count: 250)
                    while path.utf8.count + 252 < 4095 { path += part }
                    path += "/" + String(repeating: "n", count: 4095 - path.utf8.count - 1)
                    #expect(path.utf8.count == 4095)
                } else {
                    path += "/" + name
                }
                try makeDirectory(String(path[..<(try #require(path.lastIndex(of: "/")))]))
                #expect(unsafe rename(daemon.rootfs.path, path) == 0)
                defer { unsafe rename(path, daemon.rootfs.path) }
                let body = """
                    {"tasks": {"app": {"rootfs": {"path": \(quoted(path))},
                        "args": ["sleep", "1000"]}}}
                    """
                let pod = try client.createPod("web", body)
                #expect(pod.status == 201, "\(pod.reply.text)")
                #expect(try client.deletePod("web").state == "succeeded")
            }
        }

        @Test("a shim keeps only its pod's mounts, and a task sees the host's present mounts")
        func hostMounts() throws {
            let daemon = try Daemon()
            defer { daemon.putAway() }
            let (unused, later) = (daemon.home + "/unused", daemon.home + "/later")
            for point in [unused, later] { try makeDirectory(point) }
            try Command.run("mount", "-t", "tmpfs", "unused", unused)
            daemon.removals.append { _ = try? Command.run("umount", "-q", unused) }
            // A name that is not UTF-8 is a mount point like any other.
            let strange = #"p="$0/$(printf '\351')"; mkdir "$p" && mount -t tmpfs x "$p""#
            #expect(try Command.run("sh", "-c", strange, daemon.home).status == 0)
            daemon.removals.append {
                _ = try? Command.run(
                    "sh", "-c", #"umount "$0/$(printf '\351')""#, daemon.home)
            }
            daemon.removals.append { _ = try? Command.run("umount", "-q", later) }
            try daemon.start()
            let client = daemon.client()
            let pod = try client.createPod("web", daemon.rootfs.sleeper)
            let shim = try #require(pod["shim", "pid"]?.integer)
            let seen = try #require(text(of: "/proc/\(shim)/mountinfo"))
            let kept = seen.split(separator: "\n").map { String($0.split(separator: " ")[4]) }
            for point in kept {
                let isNeeded =
                    ["/", "/proc", "/sys", daemon.runDirectory].contains(point)
                    || point.hasPrefix("/sys/fs/cgroup")
                    || point.hasPrefix(daemon.runDirectory + "/")
                #expect(isNeeded, "\(point)")
            }
            #expect(!seen.contains(unused))
            try Command.run("mount", "-t", "tmpfs", "later", later)
            try write("new", to: later + "/file")
            let task = daemon.rootfs.task(
                "cat /later/file; echo END",
                #""mounts": [{"type": "bind", "source": "\#(daemon.home)", "target": "/home"},"#
                    + #"{"type": "bind", "source": "\#(later)", "target": "/later"}]"#)
            let made = try client.send(
                "PUT", "/v1/pods/web/tasks/reader", task, headers: ["Prefer": "wait=30"])
            #expect(made.status == 201, "\(made.reply.text)")
            let log = "\(daemon.logDirectory)/\(pod.uid)/reader.log"
            try eventually("it has read it") { wordsOf(log: log).hasPrefix("new") }
        }

        /// The output of a task that runs `script`, once it has ended.
        private func said(
            _ script: String, _ more: String, _ daemon: Daemon, _ client: Client
        ) throws -> String {
            let pod = try client.createPod("web", daemon.rootfs.pod(script, more))
            #expect(pod.status == 201, "\(pod.reply.text)")
            let log = "\(daemon.logDirectory)/\(pod.uid)/app.log"
            try eventually("the whole output is there") { wordsOf(log: log).contains("END") }
            return wordsOf(log: log)
        }

        /// Provides a directory of the host that must stay as it was: empty, except for `link`.
        private func withCanary(_ body: (Daemon, Client, String) throws -> Void) throws {
            try withDaemon { daemon, client in
                let canary = daemon.home + "/host"
                try makeDirectory(canary)
                try body(daemon, client, canary)
                try client.deletePod("web", query: "grace=0&allowMissing=true")
                #expect(names(in: canary) == [])
            }
        }
    }
}

/// A link in a rootfs that leads to a directory of the host, and how it leads there.
struct HostLink: Sendable, CustomTestStringConvertible {
    enum Way: String, CaseIterable { case absolute, relative, chained, dangling }

    let place: String
    let way: Way

    var testDescription: String { "\(place), \(way.rawValue)" }

    static let ways = Way.allCases.map { HostLink(place: "data", way: $0) }
    static let fixed = ["dev", "proc", "sys"].flatMap { place in
        Way.allCases.map { HostLink(place: place, way: $0) }
    }

    func plant(in rootfs: String, to canary: String) throws {
        let path = "\(rootfs)/\(place)"
        try? FileManager.default.removeItem(atPath: path)
        switch way {
        case .absolute: unsafe symlink(canary, path)
        case .relative: unsafe symlink("../../../../../.." + canary, path)
        case .chained:
            unsafe symlink("tmp/next", path)
            unsafe symlink("/tmp/last", rootfs + "/tmp/next")
            unsafe symlink(canary, rootfs + "/tmp/last")
        case .dangling: unsafe symlink(canary + "/nothing", path)
        }
    }
}
