// The program from its start to its end: what it is given, what it gives up, and what it leaves.

import Bytes
import Glibc
package import Images
import Kernel
package import Linux

/// Everything that is public about a fetch.
package struct FetchSettings: Sendable {
    package var reference: ImageReference
    package var platform = Platform.own
    /// How many blobs are fetched at a time.
    package var parallel = 4
    /// Seconds without a byte after which a connection is made anew.
    package var stall = 30
    /// The directory of hosts.toml files.
    package var registries = "/etc/staunch/certs.d"
    /// Docker's config.json.
    package var authFile = "/etc/staunch/auth.json"
    /// Whom the process becomes before it opens a socket.
    package var user = UserIdentity(uid: 65534, gid: 65534)
    /// Whether the caller writes the file `plan` once the manifest is known.
    package var awaitsPlan = false
    /// A file that is locked as long as the process lives.
    package var lock: CInt = 3
    /// The directory of the blobs.
    package var ingest: CInt = 4
    /// The directory of manifests and configurations.
    package var documents: CInt = 5
    /// The directory of `progress`, `result` and `plan`, on a tmpfs.
    package var state: CInt = 6

    package init(reference: ImageReference) { self.reference = reference }

    var descriptors: [CInt] { [lock, ingest, documents, state] }
}

/// How the program ends.
package enum FetchExit: CInt, Sendable {
    case succeeded = 0
    /// The result says why.
    case failed = 1
    case canceled = 3
    /// EX_USAGE (sysexits.h): nothing was begun, and there is no result.
    case usage = 64
    /// EX_OSERR: the result could not be written.
    case noResult = 70
    /// EX_TEMPFAIL: another process has the lock, and there is no result.
    case locked = 75
}

/// Makes the process a fetcher and runs the fetch to its end. The process needs one thread, and
/// must end with the answer. It owns the descriptors of the settings from now on.
package func runFetch(_ settings: FetchSettings) -> FetchExit {
    let environment = Environment.all
    OwnProcess.startSession()
    OwnProcess.keepFilesPrivate()
    OwnProcess.closeDescriptors(except: settings.descriptors)
    ProxyEnvironment.apply()
    Sandbox.keepMemorySmall()
    do throws(SettingsFault) {
        return try FetchStart(settings, helperEnvironment: environment).run()
    } catch {
        StandardError.write("staunch-fetch: \(error.detail)\n")
        return .usage
    }
}

/// The state between the start and the first socket, as root.
private struct FetchStart: ~Copyable {
    private let settings: FetchSettings
    private let helperEnvironment: [String]
    private let signals: SignalDescriptor
    private let lock: OwnedDescriptor
    private let ingest: OwnedDescriptor
    private let documents: OwnedDescriptor
    private let state: OwnedDescriptor

    init(_ settings: FetchSettings, helperEnvironment: [String]) throws(SettingsFault) {
        guard Set(settings.descriptors).count == 4, settings.descriptors.allSatisfy({ $0 > 2 })
        else { throw SettingsFault("four different descriptors above 2 are needed") }
        for number in settings.descriptors.dropFirst() where !isDirectory(number) {
            throw SettingsFault("the descriptor \(number) is no directory")
        }
        // Every signal is blocked from here on: SIGHUP and SIGPIPE change nothing.
        do { signals = try SignalDescriptor([SIGTERM, SIGINT, SIGIO]) } catch {
            throw SettingsFault("\(error)")
        }
        self.settings = settings
        self.helperEnvironment = helperEnvironment
        lock = OwnedDescriptor(adopting: settings.lock)
        ingest = OwnedDescriptor(adopting: settings.ingest)
        documents = OwnedDescriptor(adopting: settings.documents)
        state = OwnedDescriptor(adopting: settings.state)
    }

    consuming func run() throws(SettingsFault) -> FetchExit {
        do throws(SystemCallFailure) {
            guard try lock.tryLock() else { return .locked }
        } catch { throw SettingsFault("\(error)") }
        let given = try secrets()
        var report = FetchReport(reference: settings.reference, platform: settings.platform)
        var endpoints: [Endpoint] = []
        var failure: FetchFailure?
        do throws(FetchFailure) {
            try storing { () throws(SystemCallFailure) in try giveDirectories() }
            let finder = CredentialFinder(
                given: given, file: settings.authFile, environment: helperEnvironment)
            for host in try RegistrySettings(root: settings.registries)
                .hosts(for: settings.reference)
            {
                endpoints.append(
                    Endpoint(
                        host, for: settings.reference,
                        try finder.credentials(
                            for: host, of: settings.reference, signals)))
            }
            report.credentials = finder.source
            try storing { () throws(SystemCallFailure) in try dropPrivileges() }
        } catch { failure = error }
        return fetch(report, endpoints, failure)
    }

    /// Standard input stays open, so that no socket gets its number.
    private borrowing func secrets() throws(SettingsFault) -> Credentials? {
        let input = OwnedDescriptor(adopting: 0)
        do {
            let found = try FetchSecrets.read(input)
            _ = input.release()
            return found
        } catch {
            _ = input.release()
            throw error
        }
    }

    /// The directories are this fetch's alone, so its user may own them. The files of an earlier
    /// process and of its caller would pass for ours, so they go.
    private borrowing func giveDirectories() throws(SystemCallFailure) {
        for name in ["result", "plan", "progress"] { try state.remove(file: name) }
        guard OwnProcess.isRoot else { return }
        try ingest.give(to: settings.user)
        try documents.give(to: settings.user)
        try state.give(to: settings.user)
    }

    /// A process that is not root has no privileges to drop.
    private borrowing func dropPrivileges() throws(SystemCallFailure) {
        guard OwnProcess.isRoot else { return }
        try Confinement.keep([], user: settings.user)
    }

    private consuming func fetch(
        _ report: FetchReport, _ endpoints: [Endpoint], _ failure: FetchFailure?
    ) -> FetchExit {
        // A third of the memory so far is the program's start; TLS has not begun yet.
        SystemInfo.releaseStartupText()
        let session = Session(
            report, state: StateDirectory(state), signals: signals, stall: settings.stall)
        session.secrets = endpoints.flatMap { $0.credentials?.secrets ?? [] }
        let fetcher = Fetcher(
            session, endpoints, documents: documents, ingest: ingest,
            parallel: settings.parallel, awaitsPlan: settings.awaitsPlan)
        let exit = end(session) { () throws(FetchFailure) in
            if let failure { throw failure }
            try fetcher.run()
        }
        // The lock ends with the process.
        _ = lock.release()
        return exit
    }
}

/// Runs the fetch and writes its result.
private func end(_ session: Session, _ body: () throws(FetchFailure) -> Void) -> FetchExit {
    var exit = FetchExit.succeeded
    do throws(FetchFailure) {
        try body()
        session.report.state = .succeeded
    } catch {
        session.report.failure = error
        session.report.state = error.code == .canceled ? .canceled : .failed
        exit = error.code == .canceled ? .canceled : .failed
    }
    do throws(SystemCallFailure) {
        try session.finish()
        return exit
    } catch {
        StandardError.write("staunch-fetch: the result cannot be written: \(error)\n")
        return .noResult
    }
}

private func isDirectory(_ number: CInt) -> Bool {
    do throws(SystemCallFailure) {
        return try Files.isDirectory("/proc/self/fd/\(number)")
    } catch { return false }
}
