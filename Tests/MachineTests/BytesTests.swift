// Names and values that need care as bytes: combining marks, two spellings of one letter.

import Foundation
import Glibc
import JSON
import Testing

extension Machine {
    @Suite(.needsDaemon) struct ByteNames {
        /// A mark joins with the slash before it. The letter is two Unicode scalars in bytes, and
        /// one `Character`.
        private static let names = ("\u{301}date\u{301}n", "prot\u{6f}\u{308}ko\u{301}lle")

        @Test(
            "a pod's folders are removed from directories of any name", arguments: [true, false])
        func directories(shimLives: Bool) throws {
            try withDaemon(setUp: { ($0.dataName, $0.logName) = ByteNames.names }) {
                daemon, client in
                let pod = try client.createPod(
                    "web", daemon.rootfs.pod("echo here; echo x >/file; exec sleep 1000"))
                let folders = [daemon.dataDirectory, daemon.logDirectory].map { "\($0)/\(pod.uid)" }
                try eventually("both folders are there") { folders.allSatisfy(exists) }
                if !shimLives {
                    kill(pod.shimPID, SIGKILL)
                    try eventually("the pod is lost") {
                        try client.send("GET", "/v1/pods/web").state == "lost"
                    }
                }
                #expect(try client.deletePod("web").state == "succeeded")
                #expect(folders.filter(exists) == [])
            }
        }

        @Test("a label's value is found by exactly its bytes")
        func labels() throws {
            try withDaemon { _, client in
                _ = try client.createPod(
                    "web", #"{"labels": {"mark": "\u0301x", "name": "\u00e9"}}"#)
                func count(_ label: String) throws -> Int? {
                    try client.send("GET", "/v1/pods?label=" + label)["items"]?.elements?.count
                }
                #expect(try count("mark=%CC%81x") == 1)
                #expect(try count("name=%C3%A9") == 1)
                #expect(try count("name=e%CC%81") == 0)
            }
        }

        @Test("a path that is spelled differently is a different spec")
        func conflict() throws {
            try withDaemon { daemon, client in
                let (composed, parted) = ("\(daemon.home)/\u{e9}", "\(daemon.home)/e\u{301}")
                for path in [composed, parted] { try makeDirectory(path) }
                func pod(_ source: String) -> String {
                    let mount = #"{"type": "bind", "source": "\#(source)", "target": "/data"}"#
                    return daemon.rootfs.pod("exec sleep 1000", "\"mounts\": [\(mount)]")
                }
                #expect(try client.createPod("web", pod(composed)).reply.status == 201)
                #expect(try client.createPod("web", pod(parted)).code == "spec-conflict")
            }
        }
    }
}
