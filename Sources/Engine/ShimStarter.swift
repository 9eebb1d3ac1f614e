// Finding a pod's shim, and starting it where there is none. The lock says which.

import Documents
import Linux
import Model
import ShimWire

/// Whether a pod's shim lives.
enum ShimPresence {
    case lives
    case gone
}

extension Layout {
    /// Asks the lock. ENOENT is an answer too: a pod without a folder has no shim.
    func shimPresence(_ uid: UID) throws(SystemCallFailure) -> ShimPresence {
        let lock: OwnedDescriptor
        do { lock = try OwnedDescriptor.opening(pod(uid) + "/lock", 2) } catch {
            if error.errno == 2 { return .gone }
            throw error
        }
        return try lock.tryLock() ? .gone : .lives
    }
}

extension PodOwner {
    /// The line to the pod's shim, where it lives.
    func connectIfAlive() throws(SystemCallFailure) -> ShimLink? {
        if let link, link.isOpen { return link }
        guard try engine.layout.shimPresence(uid) == .lives else { return nil }
        return try connect(process: nil)
    }

    /// The line to the pod's shim, which is started where there is none.
    func ensureShim(_ pod: Pod) async throws(Failure) -> ShimLink {
        do throws(SystemCallFailure) {
            if let link, link.isOpen { return link }
            let link: ShimLink
            if let found = try connectIfAlive() {
                link = found
            } else {
                link = try connect(process: PidDescriptor.opening(try start(pod)))
            }
            guard case .status(let report)? = await link.ask(.status) else {
                await link.ended()
                throw SystemCallFailure(call: "start", subject: shimLog(), errno: 71)
            }
            shim = ShimStatus(
                process: ProcessIdentity(report.shim),
                since: pod.shim?.since ?? Timestamp(milliseconds: SystemClock.wall))
            // One that was found alive may have seen tasks end while no daemon was there.
            for task in report.tasks { if let exit = task.exit { sawExit(task.name, exit) } }
            return link
        } catch { throw Failure(.shimFailed, "\(error)", step: .shimStart) }
    }

    /// The line to the shim of a pod that has one: a lost one is not replaced.
    func liveShim() throws(Failure) -> ShimLink {
        do throws(SystemCallFailure) {
            if let link = try connectIfAlive() { return link }
        } catch { throw Failure(.shimFailed, "\(error)") }
        throw Failure(.podState, "the pod's shim is gone")
    }

    private func connect(process: consuming PidDescriptor?) throws(SystemCallFailure) -> ShimLink {
        let directory = try OwnedDescriptor.directory(engine.layout.pod(uid))
        let socket = try PacketSocket.connected(to: "shim.sock", in: directory)
        let made = try ShimLink(
            socket, process: process ?? recordedProcess(),
            sawExit: { [weak self] task, exit in self?.sawExit(task, exit) },
            lost: { [weak self] in self?.lostLink() })
        link = made
        return made
    }

    /// The shim as it is recorded. Its socket's peer is no answer: SO_PEERCRED names whoever called
    /// listen(2), and that was a daemon, perhaps this one.
    private func recordedProcess() -> PidDescriptor? {
        guard let identity = shim?.process else { return nil }
        let process = PidDescriptor.opening(identity.pid)
        // Looked at with the descriptor open, so that the number cannot change hands in between.
        guard ProcessFiles.startTicks(of: identity.pid) == identity.startTicks else { return nil }
        return process
    }

    /// The lock is taken and the socket listens before the shim exists; it inherits both, so that
    /// at no time does a living shim stand without them.
    private func start(_ pod: Pod) throws(SystemCallFailure) -> Int32 {
        let home = engine.layout.pod(uid)
        try Files.makeDirectories(home + "/tasks")
        try Files.makeDirectories(home + "/runtime")
        let lock = try OwnedDescriptor.opening(home + "/lock", 0o102, mode: 0o600)
        guard try lock.tryLock() else {
            throw SystemCallFailure(call: "flock", subject: home + "/lock", errno: 11)
        }
        let listener = try PacketSocket.listening(
            as: "shim.sock", in: try OwnedDescriptor.directory(home))
        let log = try OwnedDescriptor.opening(home + "/shim.log", 0o2101, mode: 0o600)
        let null = try OwnedDescriptor.opening("/dev/null", 2)
        let command = Command(
            engine.layout.shim(pod).arguments, path: engine.host.shimProgram)
        return try command.spawn(descriptors: [
            null.number, null.number, log.number, lock.number, listener.descriptor.number,
        ])
    }

    private func shimLog() -> String {
        do {
            let text = try Files.text(engine.layout.pod(uid) + "/shim.log", limit: 4096)
            return text.isEmpty ? "the shim ended at once" : text
        } catch { return "the shim ended at once" }
    }
}

extension ProcessIdentity {
    init(_ process: WireProcess) { self.init(pid: process.pid, startTicks: process.startTicks) }
}
