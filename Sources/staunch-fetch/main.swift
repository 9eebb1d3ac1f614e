// staunch-fetch: fetches an image from a registry, for the daemon or for a person.

import Fetch
import Kernel
import Linux

private func run() -> FetchExit {
    do throws(FetchUsage) {
        switch try FetchCommand.parse(Array(CommandLine.arguments.dropFirst())) {
        case .help:
            ignoring("a reader of the help may have gone") { () throws(SystemCallFailure) in
                try OwnedDescriptor(adopting: 1).writeAll(Array(fetchHelp.utf8))
            }
            return .succeeded
        case .fetch(let settings): return runFetch(settings)
        }
    } catch {
        StandardError.write("staunch-fetch: \(error.detail). See --help.\n")
        return .usage
    }
}

let end = run()
// Without destructors, because a thread may still wait for a name server.
endProcess(end.rawValue)
