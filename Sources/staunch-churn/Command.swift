// The command line, and the output at the end.

import ArgumentParser
import Churn
import Linux

struct StaunchChurn: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "staunch-churn",
        abstract: "Drives pod churn, and names whatever is left of it.",
        discussion: discussion)

    @OptionGroup var options: Options

    func run() throws {
        do throws(RunFailure) {
            let interrupts = try prepare()
            let settings = try options.settings()
            interrupts.start()
            let result = try ChurnRun.run(settings, interrupts)
            StandardOutput.write("\n" + result.summary)
            try keep(result, settings)
            // Threads that wait for a server that is gone must not keep the process alive.
            OwnProcess.end(result.exitCode)
        } catch {
            StandardError.write("staunch-churn: \(error)\n")
            throw ExitCode.failure
        }
    }

    private func prepare() throws(RunFailure) -> Interrupts {
        OwnProcess.ignoreBrokenPipes()
        SystemInfo.raiseDescriptorLimit()
        do { return try Interrupts() } catch { throw RunFailure("signals: \(error)") }
    }

    private func keep(_ result: RunResult, _ settings: RunSettings) throws(RunFailure) {
        do throws(SystemCallFailure) {
            if let path = settings.json {
                try Files.deliver(result.document, to: path, mode: 0o644)
            }
            if let path = settings.report {
                try Files.deliver(Array(result.page.utf8), to: path, mode: 0o644)
            }
        } catch { throw RunFailure("the figures cannot be kept: \(error)") }
    }
}

private let discussion = """
    Clients make pods and delete them, one after the other. They repeat every request until it is \
    answered, under the same Operation-Id. In the end nothing may be left: no orphan in the \
    account, no open operation, no exit lost, doubled or untrue, and the census of the machine as \
    before. Memory and descriptors must stay flat within each life of the daemon that was seen for \
    17 s or more. What does not hold is named. Ctrl-C ends the run in order, and a second one at \
    once; what was made is put away in either case.

    EXIT CODES
      0  all that had to hold was seen to hold
      1  something did not hold, or there was no run
      2  nothing failed, and something was not seen: the run was too short for it, say

    EXAMPLES
      staunch-churn --pods 1000
      staunch-churn --for 30m --disk-pressure --kill daemon --every 20 --kill shim --every 30 \\
        --report churn.html
      staunch-churn --for 60 --target staunch --target podman --target runc
      staunch-churn --socket /run/staunch/staunch.sock --spec mix.json --patience 0.5
    """
