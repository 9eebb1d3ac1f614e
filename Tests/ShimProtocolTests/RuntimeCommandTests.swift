import ShimProtocol
import Testing

@Suite struct RuntimeCommandTests {
    @Test("every call is one command line")
    func commandLines() {
        let command = RuntimeCommand(
            program: "/usr/sbin/runc", root: "/run/r", id: "app", bundle: "/b")
        func text(_ call: RuntimeCall, console: String? = nil) -> String {
            command.arguments(call, log: "/l", console: console).joined(separator: " ")
        }
        let common = "/usr/sbin/runc --root /run/r --log /l --log-format json"
        #expect(text(.create) == "\(common) create --bundle /b --pid-file /b/pid app")
        #expect(text(.run) == "\(common) run --detach --bundle /b --pid-file /b/pid app")
        #expect(text(.start) == "\(common) start app")
        #expect(text(.delete) == "\(common) delete app")
        let exec = "\(common) exec --detach --process /p --pid-file /q"
        #expect(text(.exec(process: "/p", pidFile: "/q", cgroup: nil)) == "\(exec) app")
        #expect(
            text(.exec(process: "/p", pidFile: "/q", cgroup: "c"), console: "/s")
                == "\(exec) --console-socket /s --cgroup c app")
        #expect(
            text(.run, console: "/s")
                == "\(common) run --detach --bundle /b --pid-file /b/pid --console-socket /s app")
    }
}
