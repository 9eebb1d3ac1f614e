// The machine itself: finds shims by their lock, and starts them.

package import EventLoop
package import Host
package import Kernel
import Linux
package import Metrics
package import Model
import OCI
import ShimProtocol

@Loop package final class LinuxHost: Host {
    let kernel: KernelFeatures
    let layout: Layout
    let runtime: RuntimeWatch
    let compiledFilters: CompiledFilters
    /// The lock of the run directory. It is held for the daemon's life, so that one daemon owns it.
    private nonisolated let lock: OwnedDescriptor
    /// Whether a daemon used the run directory earlier in this boot.
    package nonisolated let wasUsed: Bool
    package nonisolated let reserve: (any Reserve)?
    let disks = DiskLook()
    let namespaces = NamespaceLook()
    let names = HostNames()
    nonisolated let networks = NetworkLook()
    let outside = OutsideCgroups()
    let detachments = Detachments()
    let pluginGate = PluginGate()
    let pluginVersions = PluginVersions()
    /// Of the helpers that make and remove networks.
    let tableTurn = Turn()
    /// The pid of the last helper of each pod that has not ended.
    var helpers: [UID: Int32] = [:]
    /// The same for the helpers that run plugins.
    var pluginHelpers: [UID: Int32] = [:]

    /// Takes the run directory's lock, mounts a tmpfs if the directory is not on one, marks the
    /// parent cgroup, and starts the looks at the runtime.
    package nonisolated init(
        _ settings: Settings, _ metrics: Metrics, _ log: Log
    ) throws(StartFailure) {
        layout = Layout(settings: settings)
        wasUsed = RunDirectory.wasUsed(layout)
        do throws(SystemCallFailure) {
            lock = try RunDirectory.prepare(layout, log)
        } catch {
            throw StartFailure(RunDirectory.advice(error, settings))
        }
        do throws(SystemCallFailure) { runtime = try RuntimeWatch(layout, log, metrics) } catch {
            throw StartFailure("\(error)")
        }
        compiledFilters = CompiledFilters(log)
        // The looks run while the daemon does the rest.
        runtime.start()
        kernel = try KernelFeatures(settings)
        reserve = ReserveFile(path: layout.reserve)
    }

    package nonisolated var info: HostInfo {
        var info = kernel.info
        let status = runtime.status
        info.runtimes = status.runtimes.map {
            RuntimeInfo($0, hasMountAttributes: info.hasMountAttributes)
        }
        info.refusal = status.refusal
        info.findings = networks.findings
        return info
    }

    package nonisolated func createRefusal(_ name: String?) -> String? { runtime.refusal(of: name) }

    package nonisolated func awaitFirstLook(milliseconds: Int32) {
        runtime.waitForFirstLook(milliseconds: milliseconds)
    }

    package func shimPresence(_ pod: UID) throws(SystemCallFailure) -> ShimPresence {
        let lock: OwnedDescriptor
        do { lock = try OwnedDescriptor.opening(layout.pod(pod) + "/lock", 2) } catch {
            // ENOENT: there is no shim, or another program has removed its lock.
            guard error.errno == 2 else { throw error }
            return try shimProcess(pod) == nil ? .gone : .lives
        }
        return try lock.tryLock() ? .gone : .lives
    }

    /// The shim inherits the lock and the socket, so that no shim ever lives without them.
    package func startShim(
        _ pod: Pod, _ events: ShimEvents
    ) throws(SystemCallFailure) -> any ShimClient {
        let home = layout.pod(pod.uid)
        try Files.makeDirectories(home + "/tasks")
        try Files.makeDirectories(layout.runtime(pod.uid))
        let lock = try OwnedDescriptor.opening(home + "/lock", 0o102, mode: 0o600)
        guard try lock.tryLock() else {
            throw SystemCallFailure(call: "flock", subject: home + "/lock", errno: 11)
        }
        let listener = try PacketSocket.listening(
            as: "shim.sock", in: try OwnedDescriptor.directory(home))
        let log = try OwnedDescriptor.opening(home + "/shim.log", 0o2101, mode: 0o600)
        let null = try OwnedDescriptor.opening("/dev/null", 2)
        // The socket is connected before the shim exists, so a lack of descriptors starts no shim.
        let socket = try PacketSocket.connected(
            to: "shim.sock", in: try OwnedDescriptor.directory(home))
        let link = try LinuxShimClient(socket, pinned: nil, events)
        let command = Command(layout.shim(pod).arguments, path: try shimProgram())
        do {
            link.child = try command.spawn(descriptors: [
                null.number, null.number, log.number, lock.number, listener.descriptor.number,
            ])
        } catch {
            link.discard()
            throw error
        }
        return link
    }

    package func connect(
        _ pod: UID, recorded: ProcessIdentity?, _ events: ShimEvents
    ) throws(SystemCallFailure) -> any ShimClient {
        do {
            let (home, watch) = (layout.pod(pod), runtime)
            let connect: LinuxShimClient.Connect = { () throws(SystemCallFailure) in
                try PacketSocket.connected(
                    to: "shim.sock", in: try OwnedDescriptor.directory(home))
            }
            // Its pod was made before pods chose their runtimes, so it has the default.
            let older = OlderShim(pod: pod, layout: layout) { watch.status.runtimes[0].path }
            return try LinuxShimClient(
                try connect(), pinned: pinned(recorded), events,
                .unproven(older, connect, sent: []))
        } catch {
            if error.isWithoutSocket { try askToShow(pod) }
            throw error
        }
    }

    /// Opens the recorded shim's pidfd. SO_PEERCRED cannot tell the pid, because it names the
    /// process that called listen(2): a daemon, perhaps this one.
    private func pinned(_ identity: ProcessIdentity?) -> PidDescriptor? {
        guard let identity else { return nil }
        let process = PidDescriptor.opening(identity.pid)
        // The start time is read with the descriptor open, so that the pid cannot be reused in
        // between.
        guard ProcFS.startTicks(of: identity.pid) == identity.startTicks else { return nil }
        return process
    }

    package func shimLog(_ pod: UID) -> String {
        do {
            let text = try Files.text(layout.pod(pod) + "/shim.log", limit: 4096)
            return text.isEmpty ? "the shim ended at once" : text
        } catch { return "the shim ended at once" }
    }

    package func place(of pid: Int32) -> String {
        let state = ProcFS.state(of: pid) ?? "?"
        // In state D (uninterruptible) the kernel stack says more than the wait channel.
        let frames = state == "D" ? ProcFS.kernelStack(of: pid, frames: 5) : []
        let place =
            frames.isEmpty ? ProcFS.waitChannel(of: pid) : frames.joined(separator: " < ")
        return "pid \(pid), state \(state)\(place.map { ", \($0)" } ?? "")"
    }

    package func command(of pid: Int32) -> String? { ProcFS.command(of: pid) }

    package func isStopped(_ process: ProcessIdentity) -> Bool {
        guard let state = ProcFS.state(of: process.pid), state == "T" || state == "t" else {
            return false
        }
        return ProcFS.startTicks(of: process.pid) == process.startTicks
    }

    package nonisolated func leave() {
        for hierarchy in kernel.hierarchies {
            ignoring("it has pods in it, or was never made") { () throws(SystemCallFailure) in
                try Files.removeDirectory(hierarchy.directory(layout.settings.cgroupParent))
            }
        }
    }
}
