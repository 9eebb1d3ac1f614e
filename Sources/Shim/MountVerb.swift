// mount: mounts a task's overlay and resolves the user that the task runs as.

import Bytes
import Kernel
import Linux
import ShimProtocol

extension Shim {
    func mount(_ task: String, _ document: TaskDocument, id: UInt32) {
        let slot = slot(task)
        if let user = slot.user { return reply(id, .mounted(user)) }
        if joinsJob(.mount, of: slot, id: id) { return }
        slot.document = document
        let helper = MountHelper(
            paths: slot.paths, document: document, again: slot.triedToMount,
            host: hostMounts.number, memory: memory.map(\.path),
            names: ShimSettings.names(in: settings.podDirectory) + "/")
        slot.triedToMount = true
        startHelper(.mount, for: slot, id: id) { () -> [UInt8] in helper.run().record() }
    }

    /// Starts a helper for a task's job.
    func startHelper(_ kind: Job.Kind, for slot: TaskSlot, id: UInt32, _ body: () -> [UInt8]) {
        do throws(SystemCallFailure) { slot.job = try helper(kind, for: id, body) } catch {
            reply(id, .failed(.system, detail: error.description))
        }
    }

    /// Forks a helper that sends the result of `body` through a pipe. If it makes or removes files,
    /// it runs in the host's mount namespace, because the disks and the host's mounts are visible
    /// there. In the sandbox's namespace, removing a mount point would also detach the host's mount
    /// on it. If it mounts, it keeps the host namespace's descriptor, and goes there and back.
    func helper(
        _ kind: Job.Kind, for id: UInt32, _ body: () -> [UInt8]
    ) throws(SystemCallFailure) -> Job {
        let pipe = try Pipe()
        let writing = pipe.writing.number
        let isOnHost = [.remove, .make, .openLog].contains(kind)
        let mounts = isOnHost ? hostMounts.number : -1
        let needsHost = kind == .mount || kind == .unmount
        let networks = kind == .make ? [hostNetwork, podNetwork].filter { $0 >= 0 } : []
        let kept = [writing] + (needsHost ? [hostMounts.number] : []) + networks
        let pid = try forkHelper(keeping: kept, mounts: mounts) {
            let end = OwnedDescriptor(adopting: writing)
            do { return try end.write(body()[...]) >= 0 ? 0 : 1 } catch { return 1 }
        }
        return Job(kind, pid: pid, for: id, result: pipe.intoReading())
    }

    /// Whether the task has a job. A request for the same kind of job gets the answer of that job;
    /// any other request is refused.
    func joinsJob(_ kind: Job.Kind, of slot: TaskSlot, id: UInt32) -> Bool {
        guard let job = slot.job else { return false }
        if job.kind == kind { job.waiting.append(id) } else { reply(id, busy(job)) }
        return true
    }

    func busy(_ job: Job) -> ShimReply {
        .stillThere(reason: "\(job.kind.rawValue) is under way: pid \(job.pid)")
    }

    func mounted(_ slot: TaskSlot, _ job: Job) {
        switch MountResult.parse(job.takeResult()) {
        case .mounted(let user):
            slot.user = user
            reply(to: job.waiting, .mounted(user))
        case .failed(let fault, let detail):
            reply(to: job.waiting, .failed(fault, detail: detail))
        case nil:
            reply(to: job.waiting, .failed(.interrupted, detail: "the mount helper was killed"))
        }
    }
}

/// The result that a mount helper sends, encoded as a reply.
enum MountResult {
    case mounted(ResolvedUser)
    case failed(ShimFault, String)

    func record() -> [UInt8] {
        switch self {
        case .mounted(let user): ShimMessage.reply(id: 0, .mounted(user)).packet()
        case .failed(let fault, let detail):
            ShimMessage.reply(id: 0, .failed(fault, detail: detail)).packet()
        }
    }

    static func parse(_ record: [UInt8]) -> MountResult? {
        do throws(WireFault) {
            switch try ShimMessage.parse(record).message {
            case .reply(_, .mounted(let user)): return .mounted(user)
            case .reply(_, .failed(let fault, let detail, _)): return .failed(fault, detail)
            case .reply, .exited, .logged, .attemptsChanged, .execEnded, .health:
                return nil
            }
        } catch { return nil }
    }
}

/// Runs in a process of its own: every call here may wait for a disk.
struct MountHelper {
    let paths: TaskPaths
    let document: TaskDocument
    /// Whether an earlier helper may have mounted the overlay and died before it replied.
    let again: Bool
    /// The descriptor of the host's mount namespace, in which the layers and the sources are looked
    /// up.
    let host: CInt
    /// Sources that are mounted only in the sandbox.
    let memory: [String]
    /// The directory of sources that are mounted only if no other mount has the place.
    let names: String

    func run() -> MountResult {
        do throws(PlaceRefused) {
            let places = try readPlaces()
            let sources = try mountAndOpen(places)
            let maker = try PlaceMaker(try openRoot())
            var targets: [String] = []
            for (index, mount) in places.mounts.enumerated() {
                let source = sources[index]
                if let source, mount.sharedBy != nil { try makePlace(for: source, index) }
                let isOptional = mount.source?.begins(with: names) ?? false
                targets.append(
                    isOptional
                        ? try maker.placeIfFree(mount, source) : try maker.place(mount, source))
            }
            try maker.makeWorkingDirectory(places.cwd)
            try system { () throws(SystemCallFailure) in
                try Files.replace(self.paths.targets, TaskTargets.fileContent(targets))
            }
        } catch { return .failed(error.fault, error.detail) }
        do throws(UserUnknown) {
            return .mounted(
                try UserLookup(root: paths.rootfs).resolve(
                    document.user, and: document.groups, fromRootfs: document.groupsFromRootfs))
        } catch { return .failed(.userUnknown, error.detail) }
    }

    /// Reads the places that the daemon wrote; there are none if the daemon is of an older version.
    private func readPlaces() throws(PlaceRefused) -> TaskPlaces {
        let content: [UInt8]
        do throws(SystemCallFailure) {
            content = try Files.read(paths.places, limit: TaskPlaces.limit)
        } catch {
            guard error.errno == 2 else { throw PlaceRefused("\(error)", .mountRefused) }
            return TaskPlaces(cwd: "/", mounts: [])
        }
        do { return try TaskPlaces.parse(fileContent: content) } catch {
            throw PlaceRefused("\(paths.places): \(error.detail)", .state)
        }
    }

    /// Mounts the overlay unless it is mounted, and opens the sources of the task's bind mounts.
    private func mountAndOpen(_ places: TaskPlaces) throws(PlaceRefused) -> [BindSource?] {
        let (paths, again) = (paths, again)
        let own = try system { () throws(SystemCallFailure) in
            try Files.makeDirectories(paths.rootfs)
            return try OwnedDescriptor.opening("/proc/self/ns/mnt", 0)
        }
        let isThere = try system { () throws(SystemCallFailure) in
            again ? try isMounted(paths.rootfs) : false
        }
        var sources: [BindSource?] = []
        for mount in places.mounts {
            let isOwn = mount.source.map { path in memory.contains { $0.isSame(as: path) } }
            sources.append(isOwn ?? false ? try source(of: mount) : nil)
        }
        try system { () throws(SystemCallFailure) in try Sandbox.enterMounts(self.host) }
        for (index, mount) in places.mounts.enumerated() where sources[index] == nil {
            sources[index] = try source(of: mount)
        }
        if isThere {
            try system { () throws(SystemCallFailure) in try Sandbox.enterMounts(own.number) }
        } else {
            let lower = try openLower()
            try system { () throws(SystemCallFailure) in
                let overlay = try self.makeOverlay(lower)
                try Sandbox.enterMounts(own.number)
                try Mounts.attach(overlay, at: paths.rootfs)
            }
        }
        return sources
    }

    /// Makes the place at which the runtime finds a source that is shared with the host.
    private func makePlace(for source: BindSource, _ index: Int) throws(PlaceRefused) {
        let path = TaskPlaces.sharedSource(index, in: paths.bundle)
        try system { () throws(SystemCallFailure) in
            if source.isDirectory {
                try Files.makeDirectories(path)
            } else {
                try Files.replace(path, [])
            }
        }
    }

    private func source(of mount: WireMount) throws(PlaceRefused) -> BindSource? {
        try mount.source.map { path throws(PlaceRefused) in try BindSource(mount, path) }
    }

    private func openLower() throws(PlaceRefused) -> OwnedDescriptor {
        do throws(SystemCallFailure) { return try OwnedDescriptor.directory(document.lower) } catch
        {
            throw PlaceRefused(
                error.description,
                error.errno == 2
                    ? .rootfsMissing : error.errno == 20 ? .rootfsNotDirectory : .mountRefused)
        }
    }

    private func makeOverlay(
        _ lower: borrowing OwnedDescriptor
    ) throws(SystemCallFailure) -> OwnedDescriptor {
        try Files.makeDirectories(paths.upper)
        try Files.makeDirectory(paths.work)
        // The root of the overlay has the upper layer's owner and mode.
        try Files.copyOwnership(from: lower, to: paths.upper)
        return try Mounts.overlay(lower: lower, upper: paths.upper, work: paths.work)
    }

    private func openRoot() throws(PlaceRefused) -> RootDirectory {
        let path = paths.rootfs
        do throws(SystemCallFailure) { return try RootDirectory(path) } catch {
            throw PlaceRefused(error.description, .mountRefused)
        }
    }

    private func system<Result: ~Copyable>(
        _ body: () throws(SystemCallFailure) -> Result
    ) throws(PlaceRefused) -> Result {
        do throws(SystemCallFailure) { return try body() } catch {
            throw PlaceRefused(error.description, .mountRefused)
        }
    }
}

/// Whether something is mounted at exactly this path, in the caller's mount namespace.
func isMounted(_ path: String) throws(SystemCallFailure) -> Bool {
    try MountInfo.current().contains { $0.mountPoint.isSame(as: path) }
}
