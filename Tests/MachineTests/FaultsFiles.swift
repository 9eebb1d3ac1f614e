// Files that resist removal, and files that must not be removed.

import Foundation
import Glibc
import JSON
import Testing

extension Machine {
    @Suite(.needsDaemon) struct FileFaults {
        /// What a container may leave in its rootfs. A script on the host makes it in the upper
        /// layer; a task that is root there can do the same from within.
        enum Leaving: String, CaseIterable, Sendable {
            case immutable, manyFiles, strangeNames, deepTree

            var script: String {
                switch self {
                case .immutable:
                    """
                    mkdir -p a/b/c log empty; echo x >a/b/c/f; echo x >log/f; echo x >g
                    chattr +a g log log/f; chattr +i a/b/c/f a/b/c a/b a empty; chattr +i .
                    """
                case .manyFiles:
                    "python3 -c '\(Leaving.many)' \(Installation.isDeep ? 1_000_000 : 100_000)"
                case .strangeNames: "python3 -c '\(Leaving.strange)'"
                case .deepTree: "python3 -c '\(Leaving.deep)'"
                }
            }

            private static let many = """
                import os, sys
                for number in range(int(sys.argv[1])):
                    if number % 5000 == 0: os.mkdir(f"d{number}"); os.chdir(f"d{number}")
                    if number % 20000 == 0: os.chdir("..")
                    os.close(os.open(f"f{number}", os.O_CREAT))
                """

            private static let strange = """
                import os
                for name in [b"\\xff\\xfe", b"\\xc3", b"a\\nb", b"\\x01", b" ", b"-rf", b"*",
                             b"\\xed\\xa0\\x80", b"\\\\", b"x" * 255, b"\\xcc\\x81", b"..."]:
                    os.close(os.open(name, os.O_CREAT))
                    os.mkdir(b"d" + name[:250]); os.symlink(name, b"d" + name[:250] + b"/" + name)
                """

            private static let deep = """
                import os
                for level in range(3000):
                    os.mkdir("d" * 200); os.mkfifo("f"); os.chdir("d" * 200)
                """
        }

        @Test(
            "any change that a container made to its rootfs is removed with it",
            arguments: Leaving.allCases)
        func leaves(_ leaving: Leaving) throws {
            try withFault("files: \(leaving)") { daemon, client in
                let pod = try client.createPod("web", daemon.rootfs.sleeper)
                let made = try Command.run(
                    "sh", "-ec", "cd '\(daemon.upper(pod))'; \(leaving.script)")
                #expect(made.status == 0, "\(made.output)")
                let answer = try client.send("DELETE", "/v1/pods/web?grace=0")
                daemon.expectAnswers(Stuck(answer.id, of: "web"))
                let ended = try client.follow(answer.id, within: 300)
                #expect(ended.state == "succeeded", "\(ended.reply.text)")
                #expect(!exists("\(daemon.dataDirectory)/\(pod.uid)"))
            }
        }

        @Test("after a shim's death the daemon's helper removes the same files")
        func leavesWithoutShim() throws {
            try withFault("files: immutable, shim dead") { daemon, client in
                let pod = try client.createPod("web", daemon.rootfs.sleeper)
                let script = "cd '\(daemon.upper(pod))'; \(Leaving.immutable.script)"
                try Command.expect("sh", "-ec", script)
                kill(pod.shimPID, SIGKILL)
                #expect(try client.deletePod("web").state == "succeeded")
                #expect(!exists("\(daemon.dataDirectory)/\(pod.uid)"))
            }
        }

        /// The place of a user's directory when the pod is deleted.
        enum Place: String, CaseIterable, Sendable {
            case bound, boundReadOnly, mountedInUpper, mountedInData, linked
        }

        @Test("the user's files stay byte for byte", arguments: Place.allCases)
        func canary(_ place: Place) throws {
            try withFault("canary: \(place)") { daemon, client in
                let canary = try Canary(daemon.home + "/canary")
                let before = try canary.hash()
                let readOnly = place == .boundReadOnly
                let bind = """
                    "mounts": [{"type": "bind", "source": "\(canary.path)", "target": "/data", \
                    "readOnly": \(readOnly)}]
                    """
                let isBound = place == .bound || readOnly
                let pod = try client.createPod(
                    "web", daemon.rootfs.pod("exec sleep 1000", isBound ? bind : ""))
                let below: String? =
                    switch place {
                    case .bound, .boundReadOnly: nil
                    case .mountedInUpper: daemon.upper(pod) + "/mnt"
                    case .mountedInData: "\(daemon.dataDirectory)/\(pod.uid)/mnt"
                    case .linked: nil
                    }
                if place == .linked {
                    try FileManager.default.createSymbolicLink(
                        atPath: daemon.upper(pod) + "/link", withDestinationPath: canary.path)
                }
                guard let below else {
                    #expect(try client.deletePod("web").state == "succeeded")
                    #expect(try canary.hash() == before)
                    return
                }
                try makeDirectory(below)
                try Command.expect("mount", "--bind", canary.path, below)
                daemon.heals.append { ignoreFailure { try Command.run("umount", below) } }
                let stuck = try client.delete("web", why: below)
                try daemon.expectServes(stuck)
                #expect(try canary.hash() == before)
                try Command.expect("umount", below)
                try daemon.expectEnds(stuck)
                #expect(try canary.hash() == before)
            }
        }
    }
}

/// A user's directory that Staunch must not touch.
private struct Canary {
    let path: String

    init(_ path: String) throws {
        self.path = path
        try makeDirectory(path + "/below/deep")
        for name in ["one", "below/two", "below/deep/three"] {
            try write(String(repeating: name, count: 999), to: "\(path)/\(name)")
        }
        try Command.expect("chmod", "4750", path + "/one")
    }

    /// A hash of its names, modes, owners, times and bytes.
    func hash() throws -> String {
        try Command.expect(
            "sh", "-c",
            "cd \(path); find . -printf '%p %m %U %G %T@\\n' | sort; "
                + "find . -type f -print0 | sort -z | xargs -0 sha256sum")
    }
}

/// For healing, which may already have happened.
func ignoreFailure(_ body: () throws -> Void) { do { try body() } catch {} }
