import Documents
import JSON
import Kernel
import Model
import Testing

@Suite struct BodyTests {
    @Test func stopMaySayHowLong() throws {
        #expect(try StopBody.decode(nil).grace == nil)
        #expect(try StopBody.decode(json("{}")).grace == nil)
        #expect(try StopBody.decode(json(#"{"grace":0.25}"#)).grace == 250)
        #expect(
            places { _ = try StopBody.decode(json(#"{"grace":-1,"x":0}"#)) } == ["/grace", "/x"])
        #expect(places { _ = try StopBody.decode(json("3")) } == [""])
    }

    @Test func signalMustSayWhich() throws {
        #expect(try SignalBody.decode(json(#"{"signal":"SIGHUP"}"#)).signal == signal(1))
        #expect(places { _ = try SignalBody.decode(json("{}")) } == ["/signal"])
        #expect(
            places { _ = try SignalBody.decode(json(#"{"signal":"X","y":1}"#)) } == [
                "/signal", "/y",
            ])
    }

    @Test("an exec has a program, and the rest of the task unless it says otherwise")
    func exec() throws {
        let text = #"{"args":["a"],"cwd":null,"stdin":null,"tty":false,"size":{}}"#
        let least = try ExecSpec.decode(json(text), isStreamed: false)
        #expect(least == ExecSpec(args: ["a"]))
        let most = try ExecSpec.decode(
            json(
                #"{"args":["a","b"],"env":{"A":"1"},"cwd":"/x","user":"1:2","stdin":"\u0000é","#
                    + #""timeout":0.25,"maxOutput":0,"onDisconnect":"keep"}"#), isStreamed: false)
        #expect(most.args == ["a", "b"] && most.env == ["A": "1"] && most.cwd == "/x")
        #expect(most.user == UserSpec("1:2") && most.input == [0, 0xc3, 0xa9])
        #expect(most.timeout == 250 && most.maxOutput == 0 && most.onDisconnect == .keep)
        let refused: [(String, Bool, [String])] = [
            ("{}", false, ["/args"]),
            (
                #"{"args":[],"cwd":"x","stdin":1,"timeout":0,"maxOutput":-1,"tty":1,"x":0}"#, true,
                ["/args", "/cwd", "/stdin", "/tty", "/timeout", "/maxOutput", "/x"]
            ),
            (#"{"args":["a"],"tty":true}"#, false, ["/tty"]),
            (#"{"args":["a"],"tty":true,"stdin":""}"#, true, ["/stdin"]),
            (
                #"{"args":["a"],"size":{"columns":0,"rows":65536,"x":1},"onDisconnect":"no"}"#,
                true, ["/size/columns", "/size/rows", "/size/x", "/onDisconnect"]
            ),
        ]
        for (text, isStreamed, pointers) in refused {
            let found = places { _ = try ExecSpec.decode(json(text), isStreamed: isStreamed) }
            #expect(found == pointers, "\(text)")
        }
        let size = #"{"args":["a"],"tty":true,"size":{"columns":7}}"#
        let terminal = try ExecSpec.decode(json(size), isStreamed: true).terminal
        #expect(terminal == TerminalSize(columns: 7, rows: 24))
    }

    @Test func emptyIsEmpty() throws {
        try EmptyBody.decode(nil)
        try EmptyBody.decode(json("{}"))
        #expect(places { try EmptyBody.decode(json(#"{"a":1}"#)) } == ["/a"])
        #expect(places { try EmptyBody.decode(json("[]")) } == [""])
    }

    @Test func patchMerges() throws {
        var spec = PodSpec(labels: ["a": "1", "b": "2"], annotations: ["x": "y"], hostname: "h")
        spec.resources = Resources(memory: 10_000_000, milliCPUs: 500, pids: 7)
        let text =
            #"{"labels":{"a":null,"c":"3"},"annotations":null,"#
            + #""resources":{"memory":null,"cpus":2}}"#
        let patched = try PodPatch.decode(json(text)).applied(to: spec)
        #expect(patched.labels == ["b": "2", "c": "3"])
        #expect(patched.annotations.isEmpty)
        #expect(patched.resources == Resources(memory: nil, milliCPUs: 2000, pids: 7))
        #expect(try PodPatch.decode(json("{}")).applied(to: spec) == spec)
        let none = try PodPatch.decode(json(#"{"resources":null}"#)).applied(to: spec)
        #expect(none.resources == Resources())
    }

    @Test func patchRefusesTheRest() {
        let text =
            #"{"hostname":"x","tasks":{},"y":1,"labels":{"k":1},"resources":{"memory":1,"z":0}}"#
        #expect(
            places { _ = try PodPatch.decode(json(text)) } == [
                "/hostname", "/tasks", "/labels/k", "/resources/memory", "/resources/z", "/y",
            ])
    }

    @Test func patchCannotGoOverTheBound() throws {
        let many = Dictionary(uniqueKeysWithValues: (0..<256).map { ("k\($0)", "v") })
        let spec = PodSpec(labels: many, hostname: "h")
        let patch = try PodPatch.decode(json(#"{"labels":{"one-more":"v"}}"#))
        #expect(places { _ = try patch.applied(to: spec) } == ["/labels"])
        let swap = try PodPatch.decode(json(#"{"labels":{"one-more":"v","k0":null}}"#))
        #expect(try swap.applied(to: spec).labels.count == 256)
    }
}
