// The command line, and the output at the end.

import ArgumentParser
import Churn
import Kernel
import Linux

struct StaunchChurn: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "staunch-churn",
        abstract: "Creates and deletes many pods, and names everything that they leave behind.",
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
    Each client creates and deletes pods, one after the other. It repeats every request under the \
    same Operation-Id until it gets an answer. At the end nothing may be left: the audit shows no \
    orphan, no operation is open, no exit is lost, doubled or wrong, and the census of the host is \
    as before. Memory and descriptors must stay flat within each life of the daemon that was \
    observed for 17 s or more. The summary names each check that failed. Ctrl-C ends the run in \
    order, a second Ctrl-C ends it at once. The run removes everything that it made in either case.

    EXIT CODES
      0  every check was seen to hold
      1  a check failed, or the run did not take place
      2  no check failed, but a check could not be judged, for example in a short run

    EXAMPLES
      staunch-churn --pods 1000
      staunch-churn --for 30m --disk-pressure --kill daemon --every 20 --kill shim --every 30 \\
        --report churn.html
      staunch-churn --for 1h --exec 20 --follow --kill daemon --every 20 --kill shim --every 30
      staunch-churn --for 1h --restart 500 --kill daemon --every 20
      staunch-churn --for 60 --target staunch --target podman --target runc
      staunch-churn --socket /run/staunch/staunch.sock --spec mix.json --patience 0.5
    """
