// The instruments are trusted because they have failed: each sees what it is there to see.

import Foundation
import Glibc
import JSON
import Testing

extension Machine {
    @Suite struct Instruments {
        let home = "/tmp/staunch-test-census-\(getpid())"
        var marks: Census.Marks { Census.Marks(home: home, cgroupParent: "/staunch-test-census") }

        @Test("the census sees one of each kind", arguments: Plant.allCases)
        func censusSees(_ plant: Plant) throws {
            try makeDirectory(home + "/run/mount")
            let before = Census(marks)
            let uproot = try plant.plant(marks)
            do {
                try eventually("the census sees a \(plant)", within: 5) {
                    let came = Census(marks).names.subtracting(before.names)
                    return came.contains { $0.hasPrefix(plant.rawValue + " ") }
                }
            } catch {}
            try uproot()
            try eventually("it is as before", within: 5) { Census(marks) == before }
            try Command.run("rm", "-rf", home)
        }

        @Test("the census of an unchanged machine is the same")
        func censusIsStill() { #expect(Census(marks) == Census(marks)) }

        @Test("the contract knows every route, and each example that stands in the document")
        func examplesHold() throws {
            let contract = try Contract()
            #expect(contract.routes.count == 19)
            for (name, schema) in (contract.document["components"]?["schemas"]?.members ?? [])
                .map({ ($0.name, $0.value) })
            {
                for example in schema["examples"]?.elements ?? [] {
                    #expect(contract.schemas.faults(example, schema) == [], "\(name)")
                }
            }
        }

        @Test("the contract refuses what is not in the document", arguments: badReplies)
        func contractFails(_ bad: BadReply) throws {
            let reply = Reply(
                status: bad.status, headers: [("content-type", bad.type)],
                body: Array(bad.body.utf8))
            let faults = try Contract().faults(bad.method, bad.target, reply)
            #expect(faults.contains { $0.contains(bad.fault) }, "\(bad): \(faults)")
        }

        @Test("the contract accepts what is")
        func contractHolds() throws {
            let reply = Reply(
                status: 200, headers: [("content-type", "application/json")],
                body: Array(#"{"status": "ok"}"#.utf8))
            #expect(try Contract().faults("GET", "/healthz", reply) == [])
        }
    }
}

struct BadReply: Sendable {
    let method: String
    let target: String
    let status: Int
    let type: String
    let body: String
    /// What the checker has to say about it.
    let fault: String

    init(
        _ target: String, _ body: String, _ fault: String, method: String = "GET",
        status: Int = 200, type: String = "application/json"
    ) {
        self.method = method
        self.target = target
        self.status = status
        self.type = type
        self.body = body
        self.fault = fault
    }
}

let badReplies = [
    BadReply("/healthz", #"{"status": "fine"}"#, "const"),
    BadReply("/healthz", #"{"status": "ok", "new": 1}"#, "not documented"),
    BadReply("/healthz", #"{}"#, "no member status"),
    BadReply("/healthz", #"{"status": "ok"}"#, "the status is not", status: 299),
    BadReply("/healthz", #"{"status": "ok"}"#, "content type", type: "text/html"),
    BadReply("/healthz", #"{"status""#, "not JSON"),
    BadReply("/v2", #"{"status": "ok"}"#, "status is none of"),
    BadReply("/v1", #"{}"#, "no Allow", method: "POST", status: 405),
    BadReply("/v1/pods", #"{"items": 1, "next": null, "revision": 1}"#, "/items"),
    BadReply("/v1/pods", #"{"items": [], "next": null, "revision": 1.5}"#, "/revision"),
    BadReply("/v1/pods/a", #"{}"#, "no header ETag"),
    BadReply("/v1/pods/a", #"{}"#, "no header Retry-After", method: "DELETE", status: 202),
    BadReply("/v1/pods/a", "x", "a body where none", method: "DELETE", status: 204),
]

/// One of each kind that the census has to see.
enum Plant: String, CaseIterable, Sendable {
    case process, mount, cgroup, file, socket, network

    /// Puts it there; the result takes it away.
    func plant(_ marks: Census.Marks) throws -> () throws -> Void {
        switch self {
        case .process:
            return try child("sh", "-c", "kill -STOP $$", marks.below)
        case .mount:
            let script = "mount -t tmpfs none \(marks.home)/run/mount && exec sleep 1000"
            return try child("unshare", "-m", "sh", "-c", script)
        case .network:
            return try child("unshare", "-n", "sh", "-c", "kill -STOP $$", marks.below)
        case .cgroup:
            let paths = Census.hierarchies.map { $0 + marks.cgroupParent }
            for path in paths { try makeDirectory(path + "/pod") }
            // SAFETY: rmdir reads the path during the call alone.
            return { for path in paths.flatMap({ [$0 + "/pod", $0] }) { unsafe rmdir(path) } }
        case .file:
            let path = marks.home + "/run/forgotten"
            try write("", to: path)
            return { try FileManager.default.removeItem(atPath: path) }
        case .socket:
            return try boundSocket(marks.home + "/planted.sock")
        }
    }

    private func child(_ words: String...) throws -> () throws -> Void {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = words
        try process.run()
        return {
            kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
        }
    }

    private func boundSocket(_ path: String) throws -> () throws -> Void {
        let descriptor = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = try unixAddress(path)
        // SAFETY: bind reads the address during the call alone.
        let result = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                unsafe bind(descriptor, generic, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard result == 0 else { throw Broken("bind \(path): errno \(errno)") }
        return {
            close(descriptor)
            try FileManager.default.removeItem(atPath: path)
        }
    }
}
