// Shapes, their weights, and the file that contains them.

import Churn
import Testing

@Suite struct MixTests {
    private func read(_ text: String) throws -> Mix {
        var defaults = Workload()
        defaults.hold = 0.25
        return try Mix.read(Array(text.utf8), defaults: defaults)
    }

    @Test("the command line gives the settings that a workload omits")
    func defaults() throws {
        let mix = try read(
            #"""
            {"workloads": [{}, {"name": "web", "weight": 3, "tasks": 2,
              "network": "host", "hold": 1, "grace": 0.5, "args": ["sh"], "exitCode": 7,
              "readOnly": true, "memory": 1048576, "exec": 4, "follow": true},
              {"restart": 9}]}
            """#)
        #expect(mix.workloads[0].hold == 0.25)
        #expect(mix.workloads[0].args == Workload().args)
        let web = mix.workloads[1]
        #expect(web.weight == 3 && web.taskNames == ["app", "app1"] && web.network == .host)
        #expect(web.hold == 1 && web.grace == 0.5 && web.args == ["sh"] && web.exitCode == 7)
        #expect(web.readOnly && web.memory == 1_048_576)
        #expect(web.execs == 4 && web.follows && web.restarts == 0)
        let ending = mix.workloads[2]
        #expect(ending.execs == 0 && !ending.follows && ending.restarts == 9)
    }

    @Test(
        "a faulty file is refused with one line that names the place",
        arguments: [
            ("", "is no JSON"),
            ("{\"workloads\": [", "is no JSON"),
            ("[]", "needs 'workloads'"),
            (#"{"workloads": []}"#, "needs 'workloads'"),
            (#"{"workloads": [{}], "seed": 1}"#, "/seed is not known"),
            (#"{"workloads": [3]}"#, "/workloads/0 is a number"),
            (#"{"workloads": [{}, {"weigth": 3}]}"#, "/workloads/1/weigth is not known"),
            (#"{"workloads": [{"weight": 0}]}"#, "no workload with a weight over 0"),
            (#"{"workloads": [{"weight": -1}]}"#, "/workloads/0/weight must be"),
            (#"{"workloads": [{"tasks": 0}]}"#, "/workloads/0/tasks must be"),
            (#"{"workloads": [{"tasks": 1.5}]}"#, "/workloads/0/tasks must be"),
            (#"{"workloads": [{"networkName": 1}]}"#, "/workloads/0/networkName must be"),
            (#"{"workloads": [{"publish": 1}]}"#, "/workloads/0/publish must be"),
            (#"{"workloads": [{"network": "vlan"}]}"#, "/workloads/0/network must be"),
            (#"{"workloads": [{"hold": "1"}]}"#, "/workloads/0/hold must be"),
            (#"{"workloads": [{"hold": -1}]}"#, "/workloads/0/hold must be"),
            (#"{"workloads": [{"args": []}]}"#, "/workloads/0/args must be"),
            (#"{"workloads": [{"args": ["x", 1]}]}"#, "/workloads/0/args must be"),
            (#"{"workloads": [{"exitCode": 256}]}"#, "/workloads/0/exitCode must be"),
            (#"{"workloads": [{"exec": -1}]}"#, "/workloads/0/exec must be"),
            (#"{"workloads": [{"follow": 1}]}"#, "/workloads/0/follow must be"),
            (#"{"workloads": [{"restart": "1"}]}"#, "/workloads/0/restart must be"),
            (#"{"workloads": [{"restart": 1, "follow": true}]}"#, "neither exec nor follow"),
            (#"{"workloads": [{"restart": 1, "readOnly": true}]}"#, "can count its runs"),
        ])
    func refused(_ text: String, _ why: String) {
        let fault = #expect(throws: MixFault.self) { try read(text) }
        let said = fault?.description ?? ""
        #expect(said.contains(why), "\(said)")
        #expect(!said.contains("\n"))
    }

    @Test("workloads are chosen by weight, and the same seed gives the same sequence")
    func weights() throws {
        let mix = try read(
            #"""
            {"workloads": [
              {"name": "a", "weight": 6}, {"name": "b", "weight": 3}, {"weight": 0}]}
            """#)
        func picks(_ seed: UInt64) -> [String] {
            var dice = Dice(seed: seed)
            return (0..<3000).map { _ in mix.pick(&dice).name }
        }
        let first = picks(7)
        #expect(first == picks(7))
        #expect(first != picks(8))
        let share = Double(first.count { $0 == "a" }) / 3000
        #expect(share > 0.62 && share < 0.71, "\(share)")
        #expect(Set(first) == ["a", "b"])
    }

    @Test("an operation's name is a UUID, and all names differ")
    func names() {
        let names = (0..<1000).map { _ in freshID() }
        #expect(Set(names).count == 1000)
        let pattern = /[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/
        #expect(names.allSatisfy { $0.wholeMatch(of: pattern) != nil })
    }
}
