// Sockets that a service manager holds and passes (LISTEN_FDS).

import Foundation
import Glibc
import Testing

extension Machine {
    @Suite(.needsDaemon) struct Activation {
        /// The sockets have names, come in reverse order, and are distinguished by their kind.
        @Test(
            "the API and the metrics are served on the passed sockets",
            arguments: [
                ["api", "metrics"], ["metrics", "api"], ["staunchd.socket", "unknown"], [],
            ])
        func passed(_ names: [String]) throws {
            let metrics = try HeldListener()
            try withDaemon(setUp: { daemon in
                let api = try daemon.holdAPI()
                let sockets = names.first == "metrics" ? [metrics, api] : [api, metrics]
                let all = names.isEmpty ? [] : ["LISTEN_FDNAMES=" + names.joined(separator: ":")]
                daemon.launch(
                    with: ["LISTEN_PID=self", "LISTEN_FDS=2"] + all + sockets.map(\.word))
            }) { daemon, client in
                #expect(try client.send("GET", "/v1").status == 200)
                #expect(!exists(daemon.runDirectory + "/staunch.sock"))
                let url = "http://127.0.0.1:\(metrics.port)"
                let health = try Command.run("curl", "-s", "--max-time", "10", url + "/healthz")
                #expect(health.output == #"{"status":"ok"}"#)
                // It is the read-only listener, whatever the socket's name is.
                let pods = try Command.run(
                    "curl", "-s", "--max-time", "10", "-o", "/dev/null", "-w", "%{http_code}",
                    url + "/v1/pods")
                #expect(pods.output == "404")
            }
        }

        @Test("the next daemon answers clients that connect while none runs")
        func waitsForTheNext() throws {
            try withDaemon(setUp: { daemon in
                let api = try daemon.holdAPI()
                daemon.launch(with: ["LISTEN_PID=self", "LISTEN_FDS=1", api.word])
            }) { daemon, _ in
                daemon.terminate()
                let wire = try Wire(path: daemon.socket)
                try wire.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
                try daemon.start()
                #expect(try wire.receive()?.status == 200)
            }
        }

        @Test("descriptors for another process are ignored")
        func anothers() throws {
            var held: HeldListener?
            try withDaemon(setUp: { daemon in
                let api = try HeldListener(path: daemon.home + "/api.sock")
                held = api
                daemon.launch(with: ["LISTEN_PID=1", "LISTEN_FDS=1", api.word])
            }) { daemon, client in
                let answer = try client.send("GET", "/v1")
                #expect(answer.status == 200)
                #expect(exists(daemon.runDirectory + "/staunch.sock"))
                #expect(held != nil)
            }
        }

        @Test(
            "a socket that cannot be served is refused at the start, by name", arguments: Misfit.all
        )
        func refused(_ misfit: Misfit) throws {
            let path = "/tmp/staunch-api-\(getpid())-\(UUID().uuidString.prefix(8))"
            let tcp = try HeldListener()
            let deaf = try HeldListener(listening: false)
            let unix = try HeldListener(path: path)
            let held = ["tcp": tcp.word, "deaf": deaf.word, "unix": unix.word]
            let words =
                ["LISTEN_PID=self", "LISTEN_FDS=\(misfit.sockets.count)"]
                + ["LISTEN_FDNAMES=" + misfit.names] + misfit.sockets.compactMap { held[$0] }
            let script = Installation.root + "/Tests/Tools/activate.py"
            // If the daemon accepts one nevertheless, it ends because it has no run directory.
            let nowhere = ["--run-dir", "/dev/null/none"]
            let result = try Command.run(
                ["python3", script] + words + ["--", Installation.daemon] + nowhere)
            #expect(result.status == 1)
            #expect(result.output.contains(misfit.why), "\(result.output)")
        }
    }
}

struct Misfit: Sendable {
    let sockets: [String]
    let names: String
    let why: String

    static let all = [
        Misfit(sockets: ["deaf"], names: "api", why: "descriptor 3 of LISTEN_FDS ('api') is no"),
        Misfit(sockets: ["tcp"], names: "api", why: "is a TCP socket; the API has no"),
        Misfit(sockets: ["unix", "unix"], names: "api:x", why: "4 of LISTEN_FDS ('x') is the se"),
        Misfit(sockets: ["tcp", "tcp"], names: "x:metrics", why: "('metrics') is the second"),
    ]
}
