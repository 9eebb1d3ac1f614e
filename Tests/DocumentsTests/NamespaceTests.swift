// The members that are about a pod's namespaces.

import JSON
import Model
import Testing

@testable import Documents

@Suite struct NamespaceTests {
    @Test("all members are read, stored and shown")
    func all() throws {
        let spec = try pod(
            #"""
            {"shmSize":4096,"hostPID":true,"sharePID":false,"sysctls":{
            "net.core.somaxconn":"1","kernel.sem":"1 2\t3",
            "kernel.shm_rmid_forced":"1","kernel.msgmax":"9","fs.mqueue.msg_max":"5",
            "net.ipv4.conf.eth0.rp_filter":"0"}}
            """#)
        #expect(spec.shmSize == 4096 && spec.hostPID && !spec.hostIPC)
        #expect(spec.sysctls.count == 6 && spec.sysctls["kernel.sem"] == "1 2\t3")
        let ipc = try pod(#"{"sharePID":true,"hostIPC":true,"shmSize":67108864}"#)
        #expect(ipc.sharePID && ipc.hostIPC && ipc.shmSize == PodSpec.defaultShmSize)
        for spec in [spec, ipc] {
            let record = Pod(
                uid: uid, name: web, spec: spec, state: .ready, revision: 1, createdAt: noon
            ).record()
            #expect(try Pod(record: record).spec == spec)
        }
    }

    @Test(
        "whatever would change the host is refused, and so is what is no line",
        arguments: [
            (#"{"shmSize":4095}"#, ["/shmSize"]), (#"{"shmSize":null}"#, ["/shmSize"]),
            (#"{"shmSize":1125899906842625}"#, ["/shmSize"]), (#"{"hostPID":1}"#, ["/hostPID"]),
            (#"{"hostIPC":true,"shmSize":4096}"#, ["/shmSize"]), (#"{"sysctls":[]}"#, ["/sysctls"]),
            (
                #"{"sysctls":{"kernel.pid_max":"1","vm.swappiness":"1","kernel.hostname":"x"}}"#,
                ["kernel.pid_max", "vm.swappiness", "kernel.hostname"].map { "/sysctls/\($0)" }
            ),
            (
                #"{"sysctls":{"kernel.semx":"1","fs.mqueue":"1","net":"1","fs.mqueuex.a":"1"}}"#,
                ["kernel.semx", "fs.mqueue", "net", "fs.mqueuex.a"].map { "/sysctls/\($0)" }
            ),
            (
                #"{"sysctls":{"net..x":"1","net/x":"1","net.x/../y":"1","net.":"1","":"1"}}"#,
                ["net..x", "net~1x", "net.x~1..~1y", "net.", ""].map { "/sysctls/\($0)" }
            ),
            (
                #"{"sysctls":{"net.a":"","net.b":"1\n","net.c":1,"net.d":"\u00e9"}}"#,
                ["a", "b", "c", "d"].map { "/sysctls/net.\($0)" }
            ),
            (
                #"{"network":{"mode":"host"},"sysctls":{"net.a":"1","kernel.sem":"1"}}"#,
                ["/sysctls/net.a"]
            ),
            (
                #"{"hostIPC":true,"sysctls":{"net.a":"1","kernel.sem":"1"}}"#,
                ["/sysctls/kernel.sem"]
            ),
        ])
    func faults(text: String, expected: [String]) {
        #expect(places { _ = try pod(text) } == expected)
    }

    @Test("the bounds hold")
    func bounds() throws {
        func sysctls(_ count: Int, value: String = "1") -> String {
            let all = (0..<count).map { "\"net.x\($0)\":\"\(value)\"" }
            return #"{"sysctls":{\#(all.joined(separator: ","))}}"#
        }
        #expect(throws: Never.self) { try pod(sysctls(64)) }
        #expect(places { _ = try pod(sysctls(65)) } == ["/sysctls"])
        let long = { String(repeating: "1", count: $0) }
        #expect(throws: Never.self) { try pod(sysctls(1, value: long(256))) }
        #expect(places { _ = try pod(sysctls(1, value: long(257))) } == ["/sysctls/net.x0"])
        let name = { #"{"sysctls":{"net.\#(String(repeating: "a", count: $0))":"1"}}"# }
        #expect(throws: Never.self) { try pod(name(124)) }
        #expect(places { _ = try pod(name(125)) }.count == 1)
    }
}
