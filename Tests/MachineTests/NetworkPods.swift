// Pods on networks of ours, and requests from their places.

import Foundation
import JSON
import Testing

extension Rootfs {
    /// A pod on a network. `network` contains JSON members beside the mode. Its task answers HTTP
    /// at port 80: `/name` is the pod's name, `/cgi-bin/who` is the address of the client.
    func server(_ name: String, _ network: String = "", _ podMore: String = "") -> String {
        let script = """
            mkdir -p /tmp/\(name)/cgi-bin && cd /tmp/\(name) && echo \(name) >name && \
            printf '#!/bin/sh\\necho; echo "$REMOTE_ADDR"\\n' >cgi-bin/who && \
            chmod +x cgi-bin/who && exec httpd -f -p 80 -h .
            """
        return pod(script, podMore: onBridge(network) + (podMore.isEmpty ? "" : ", \(podMore)"))
    }

    func onBridge(_ network: String = "") -> String {
        #""network": {"mode": "bridge"\#(network.isEmpty ? "" : ", " + network)}"#
    }
}

/// `"ports": […]` for pairs of a host port and a port of the pod.
func ports(_ pairs: [(Int, Int)], _ more: String = "") -> String {
    let items = pairs.map {
        #"{"hostPort": \#($0.0), "containerPort": \#($0.1)\#(more.isEmpty ? "" : ", " + more)}"#
    }
    return #""ports": [\#(items.joined(separator: ", "))]"#
}

/// A pod that a test made, and its place in the network.
struct NetworkPod {
    let name: String
    let answer: Answer

    /// Creates the pod, and waits until it answers, if it is a server.
    init(
        _ name: String, _ client: Client, _ body: String, answers: Bool = true,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        self.name = name
        answer = try client.createPod(name, body)
        guard answer.status == 201 else { throw Broken("not made: \(answer.reply.text)") }
        guard answers else { return }
        try eventually("\(name) answers", within: 10, sourceLocation: sourceLocation) {
            try get("http://127.0.0.1/name") == name
        }
    }

    /// The addresses without the lengths of their prefixes.
    var addresses: [String] {
        (answer["interfaces"]?.elements?.first?["addresses"]?.elements ?? []).compactMap {
            $0.string?.split(separator: "/").first.map(String.init)
        }
    }
    var address: String { addresses.first ?? "" }
    var hostInterface: String {
        answer["interfaces"]?.elements?.first?["hostInterface"]?.string ?? ""
    }

    private var launcher: [String] {
        ["nsenter", "--net=/proc/\(answer.taskPID())/ns/net"]
    }

    /// The reply to an HTTP request from the pod; `nil` if there is none.
    func get(_ url: String) throws -> String? {
        let words = ["curl", "-sS", "-g", "--connect-timeout", "1", "--max-time", "3", url]
        let result = try Command.run(launcher + words)
        return result.status == 0
            ? result.output.trimmingCharacters(in: .whitespacesAndNewlines) : nil
    }

    @discardableResult
    func shell(_ line: String) throws -> String {
        let result = try Command.run(launcher + ["sh", "-c", line])
        guard result.status == 0 else { throw Broken("\(line): \(result.output)") }
        return result.output
    }

    /// Starts a program in the pod's network. The caller ends it.
    func start(_ words: String...) throws -> Process { try Command.start(launcher + words) }
}

extension Client {
    @discardableResult
    func putNetwork(_ name: String, _ body: String = "{}") throws -> Answer {
        try send("PUT", "/v1/networks/\(name)", body, headers: ["Prefer": "wait=30"])
    }

    @discardableResult
    func deleteNetwork(_ name: String, query: String = "") throws -> Answer {
        try send("DELETE", "/v1/networks/\(name)\(query)", headers: ["Prefer": "wait=30"])
    }

    /// The names of the networks in the list.
    func networkNames() throws -> [String] {
        (try send("GET", "/v1/networks")["items"]?.elements ?? []).compactMap {
            $0["name"]?.string
        }
    }

    func bridge(of network: String) throws -> String {
        try send("GET", "/v1/networks/\(network)")["bridge"]?.string ?? ""
    }

    /// What a fresh audit says about a kind of objects.
    func auditLine(_ kind: String) throws -> JSONValue? {
        try send("GET", "/v1/audit?fresh=true")["resources"]?.elements?.first {
            $0["kind"]?.string == kind
        }
    }
}
