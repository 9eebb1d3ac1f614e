// The members that say what names a pod's tasks know. Each becomes part of a line of a file.

import JSON
import Kernel
import Model
import Testing

@testable import Documents

@Suite struct NameTests {
    @Test("all members of dns and hosts are read, stored and shown")
    func all() throws {
        let text = #"""
            {"dns":{"servers":["10.0.0.1","fd00::1"],"searches":["a_b.example.","."],
            "options":["ndots:2","use-vc"]},
            "hosts":[{"ip":"::1","names":["db","_x.db"]},{"ip":"10.0.0.2","names":["A"]}]}
            """#
        let spec = try pod(text)
        let address = { try #require(IPAddress($0)) }
        #expect(
            spec.dns
                == DNSSpec(
                    servers: [try address("10.0.0.1"), try address("fd00::1")],
                    searches: ["a_b.example.", "."], options: ["ndots:2", "use-vc"]))
        #expect(
            spec.hosts == [
                HostEntry(ip: try address("::1"), names: ["db", "_x.db"]),
                HostEntry(ip: try address("10.0.0.2"), names: ["A"]),
            ])
        let record = Pod(
            uid: uid, name: web, spec: spec, state: .ready, revision: 1, createdAt: noon
        ).record()
        #expect(try Pod(record: record).spec == spec)
        #expect(spec.differences(from: PodSpec(hostname: "web")).count == 4)
    }

    @Test(
        "no text that is no word of a line is taken",
        arguments: [
            (#"{"dns":{"servers":["x",1,"127.0.0.1"]}}"#, ["/dns/servers/0", "/dns/servers/1"]),
            (#"{"dns":{"servers":["fe80::1%eth0"]}}"#, ["/dns/servers/0"]),
            (#"{"dns":{"servers":["1.1.1.1","1.1.1.2","1.1.1.3","1.1.1.4"]}}"#, ["/dns/servers"]),
            (#"{"dns":{"servers":"1.1.1.1","x":1}}"#, ["/dns/servers", "/dns/x"]),
            (
                #"{"dns":{"searches":["a b","a\nb","","a..b","-a","\u00e9",".."]}}"#,
                (0...6).map { "/dns/searches/\($0)" }
            ),
            (
                #"{"dns":{"options":["a b","a\nb","","x#","\u0000"]}}"#,
                (0...4).map { "/dns/options/\($0)" }
            ),
            (#"{"hosts":{}}"#, ["/hosts"]), (#"{"hosts":[1]}"#, ["/hosts/0"]),
            (#"{"hosts":[{}]}"#, ["/hosts/0/ip", "/hosts/0/names"]),
            (#"{"hosts":[{"ip":"1.2.3","names":[]}]}"#, ["/hosts/0/ip", "/hosts/0/names"]),
            (
                #"{"hosts":[{"ip":"::1","names":["a\nb","a b","a#","","."],"x":1}]}"#,
                (0...4).map { "/hosts/0/names/\($0)" } + ["/hosts/0/x"]
            ),
        ])
    func faults(text: String, expected: [String]) {
        #expect(places { _ = try pod(text) } == expected)
    }

    @Test("the bounds hold")
    func bounds() throws {
        func list(_ count: Int, _ one: String) -> String {
            "[" + Array(repeating: one, count: count).joined(separator: ",") + "]"
        }
        func searches(_ count: Int) -> String {
            let name = String(repeating: "x", count: 63)
            return #"{"dns":{"searches":\#(list(count, "\"\(name)\""))}}"#
        }
        #expect(throws: Never.self) { try pod(searches(32)) }
        #expect(places { _ = try pod(searches(33)) } == ["/dns/searches"])
        let long = String(repeating: "xxx.", count: 20) + "x"
        let many = #"{"dns":{"searches":\#(list(26, "\"\(long)\""))}}"#
        #expect(places { _ = try pod(many) } == ["/dns/searches"])
        let entry = #"{"ip":"::1","names":["a"]}"#
        #expect(throws: Never.self) { try pod(#"{"hosts":\#(list(256, entry))}"#) }
        #expect(places { _ = try pod(#"{"hosts":\#(list(257, entry))}"#) } == ["/hosts"])
        let names = #"{"hosts":[{"ip":"::1","names":\#(list(65, "\"a\""))}]}"#
        #expect(places { _ = try pod(names) } == ["/hosts/0/names"])
    }
}
