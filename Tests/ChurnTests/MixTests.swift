// Shapes, their weights, and the file that they are read from.

import Churn
import Testing

@Suite struct MixTests {
    private func read(_ text: String) throws -> Mix {
        var defaults = Shape()
        defaults.hold = 0.25
        return try Mix.read(Array(text.utf8), defaults: defaults)
    }

    @Test("what a shape does not say is as the command line has it")
    func defaults() throws {
        let mix = try read(
            #"""
            {"shapes": [{}, {"name": "web", "weight": 3, "tasks": 2, "network": "host", "hold": 1,
              "grace": 0.5, "args": ["sh"], "exitCode": 7, "readOnly": true, "memory": 1048576}]}
            """#)
        #expect(mix.shapes[0].hold == 0.25)
        #expect(mix.shapes[0].args == Shape().args)
        let web = mix.shapes[1]
        #expect(web.weight == 3 && web.taskNames == ["app", "app1"] && web.network == .host)
        #expect(web.hold == 1 && web.grace == 0.5 && web.args == ["sh"] && web.exitCode == 7)
        #expect(web.readOnly && web.memory == 1_048_576)
    }

    @Test(
        "a file that is wrong is refused in one line that says where",
        arguments: [
            ("", "is no JSON"),
            ("{\"shapes\": [", "is no JSON"),
            ("[]", "needs 'shapes'"),
            (#"{"shapes": []}"#, "needs 'shapes'"),
            (#"{"shapes": [{}], "seed": 1}"#, "/seed is not known"),
            (#"{"shapes": [3]}"#, "/shapes/0 is a number"),
            (#"{"shapes": [{}, {"weigth": 3}]}"#, "/shapes/1/weigth is not known"),
            (#"{"shapes": [{"weight": 0}]}"#, "no shape with a weight over 0"),
            (#"{"shapes": [{"weight": -1}]}"#, "/shapes/0/weight must be"),
            (#"{"shapes": [{"tasks": 0}]}"#, "/shapes/0/tasks must be"),
            (#"{"shapes": [{"tasks": 1.5}]}"#, "/shapes/0/tasks must be"),
            (#"{"shapes": [{"network": "cni"}]}"#, "does not have yet"),
            (#"{"shapes": [{"network": "bridge"}]}"#, "/shapes/0/network must be"),
            (#"{"shapes": [{"hold": "1"}]}"#, "/shapes/0/hold must be"),
            (#"{"shapes": [{"hold": -1}]}"#, "/shapes/0/hold must be"),
            (#"{"shapes": [{"args": []}]}"#, "/shapes/0/args must be"),
            (#"{"shapes": [{"args": ["x", 1]}]}"#, "/shapes/0/args must be"),
            (#"{"shapes": [{"exitCode": 256}]}"#, "/shapes/0/exitCode must be"),
        ])
    func refused(_ text: String, _ why: String) {
        let fault = #expect(throws: MixFault.self) { try read(text) }
        let said = fault?.description ?? ""
        #expect(said.contains(why), "\(said)")
        #expect(!said.contains("\n"))
    }

    @Test("shapes come by their weights, and the same seed brings the same ones")
    func weights() throws {
        let mix = try read(
            #"{"shapes": [{"name": "a", "weight": 6}, {"name": "b", "weight": 3}, {"weight": 0}]}"#)
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

    @Test("an operation's name is a UUID, and no two are the same")
    func names() {
        let names = (0..<1000).map { _ in freshID() }
        #expect(Set(names).count == 1000)
        let pattern = /[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/
        #expect(names.allSatisfy { $0.wholeMatch(of: pattern) != nil })
    }
}
