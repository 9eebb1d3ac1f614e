// Installing Staunch on a host and removing it: into a directory, never onto this machine.

import Foundation
import Testing

extension Machine {
    @Suite(.needsDaemon) struct Packaging {
        @Test(
            "every installed file is uninstalled, and an upgrade over itself works",
            arguments: ["/usr", "/opt/staunch"])
        func installs(_ prefix: String) throws {
            try withInstallation(prefix) { root in
                let all = try files(below: root)
                #expect(all.contains(prefix + "/bin/staunchd"))
                #expect(all.contains(prefix + "/lib/systemd/system/staunchd.socket"))
                #expect(all.contains("/etc/staunch/staunchd.env"))
                #expect(all.count == 12, "\(all)")
                let unit = try #require(
                    text(of: root + prefix + "/lib/systemd/system/staunchd.service"))
                #expect(unit.contains("\nExecStart=\(prefix)/bin/staunchd\n"))
                #expect(!unit.contains("@"))
                #expect(unit.contains("\nUMask=0077\n"))

                try write("STAUNCH_LOG_LEVEL=debug\n", to: root + "/etc/staunch/staunchd.env")
                try script("install", root, prefix)
                #expect(try files(below: root) == all)
                try script("uninstall", root, prefix)
                // The uninstall does not remove files that a user wrote.
                #expect(try files(below: root) == ["/etc/staunch/staunchd.env"])
            }
        }

        @Test("unchanged settings are removed with the other files")
        func uninstalls() throws {
            try withInstallation("/usr") { root in
                try script("uninstall", root, "/usr")
                #expect(try files(below: root) == [])
            }
        }

        @Test("systemd finds nothing wrong with the units", .enabled(if: hasSystemd))
        func verify() throws {
            try withInstallation("/usr") { root in
                let units = root + "/usr/lib/systemd/system"
                let service = units + "/staunchd.service"
                // systemd-analyze looks for the program, which is below the root here.
                let there = try #require(text(of: service)).replacing(
                    "/usr/bin/", with: root + "/usr/bin/")
                try write(there, to: service)
                for name in names(in: units) {
                    let result = try Command.run(
                        "env", "SYSTEMD_UNIT_PATH=\(units):", "systemd-analyze", "verify",
                        "--man=no", "--recursive-errors=one", "\(units)/\(name)")
                    #expect(result == Command.Result(status: 0, output: ""), "\(name)")
                }
                // The verification really checks the file.
                try write(there + "[Service]\nKillMode=softly\n", to: service)
                let bad = try Command.run(
                    "env", "SYSTEMD_UNIT_PATH=\(units):", "systemd-analyze", "verify", "--man=no",
                    service)
                #expect(bad.output.contains("softly"), "\(bad.output)")
            }
        }

        @Test("systemd-tmpfiles makes the directories", .enabled(if: hasSystemd))
        func tmpfiles() throws {
            try withInstallation("/usr") { root in
                for file in ["passwd", "group"] {
                    try write("root:x:0:0:root:/root:/bin/sh\n", to: "\(root)/etc/\(file)")
                }
                let made = try Command.run(
                    "systemd-tmpfiles", "--root=\(root)", "--create", "staunch.conf")
                #expect(made == Command.Result(status: 0, output: ""))
                let modes = try Command.run(
                    "stat", "-c", "%a %U", root + "/var/lib/staunch", root + "/var/log/staunch")
                #expect(modes.output == "700 root\n750 root\n")
            }
        }

        @Test("a noexec run directory, as on Debian's /run, is mounted over")
        func noexec() throws {
            try withDaemon(setUp: { daemon in
                let run = daemon.runDirectory
                try makeDirectory(run)
                try Command.run("mount", "-t", "tmpfs", "-o", "noexec", "below", run)
                daemon.removals.append { _ = try? Command.run("umount", run) }
            }) { daemon, client in
                #expect(try client.createPod("web", daemon.rootfs.sleeper).state == "ready")
                // One preparation is enough, also for the next daemon.
                try daemon.crashAndRestart()
                let mounts = try #require(text(of: "/proc/self/mounts"))
                #expect(
                    mounts.split(separator: "\n").count { $0.contains(daemon.runDirectory) } == 2)
            }
        }
    }
}

private let hasSystemd = exists("/usr/bin/systemd-analyze") && exists("/usr/bin/systemd-tmpfiles")

private func withInstallation(_ prefix: String, _ body: (String) throws -> Void) throws {
    let root = "/tmp/staunch-install-\(UUID())"
    try makeDirectory(root)
    defer { _ = try? Command.run("rm", "-rf", "--one-file-system", root) }
    try script("install", root, prefix)
    try body(root)
}

private func script(_ name: String, _ root: String, _ prefix: String) throws {
    let result = try Command.run(
        "env", "DESTDIR=\(root)", "PREFIX=\(prefix)", "BIN=\(Installation.bin)",
        "\(Installation.root)/scripts/\(name)")
    guard result.status == 0 else { throw Broken("\(name): \(result.output)") }
}

/// Every file below `root`, by its path on the host.
private func files(below root: String) throws -> [String] {
    try Command.run("find", root, "!", "-type", "d").output.split(separator: "\n")
        .map { String($0.dropFirst(root.count)) }.sorted()
}
