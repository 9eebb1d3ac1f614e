import Kernel
import ShimProtocol
import Testing

@Suite struct ProgramFileTests {
    private static let program: TaskProgram = {
        var program = TaskProgram(["a", ""], environment: ["A=b"], keyring: "_ses.x")
        program.directory = "/d"
        (program.uid, program.gid, program.umask) = (1, 2, 0o27)
        program.groups = [3, 4]
        (program.bounding, program.permitted) = (5, 6)
        (program.inheritable, program.ambient) = (7, 8)
        program.noNewPrivileges = false
        program.oomScore = -9
        program.limits = [TaskProgram.Limit(resource: 7, soft: 10, hard: .max)]
        program.filter = [6, 0, 0, 0, 0, 0, 0xff, 0x7f]
        return program
    }()

    @Test("a program is read as it was written, and not at all if a byte is missing")
    func same() throws {
        for program in [Self.program, TaskProgram([], environment: [], keyring: "")] {
            let content = program.fileContent()
            #expect(try TaskProgram.parse(fileContent: content) == program)
            #expect(throws: WireFault.self) { try TaskProgram.parse(fileContent: content + [0]) }
            for count in 0..<content.count {
                #expect(throws: WireFault.self) {
                    try TaskProgram.parse(fileContent: Array(content.prefix(count)))
                }
            }
        }
    }
}
