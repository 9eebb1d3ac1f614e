// The bundle of a task: what the mount helper and the runtime read.

import Bytes
import Host
import JSON
package import Kernel
import Linux
package import Model
import OCI
import ShimProtocol

extension LinuxHost {
    package func writePlaces(_ pod: Pod, _ spec: TaskSpec) throws(SystemCallFailure) {
        let (bundle, folders) = (layout.bundle(pod.uid, spec.name), layout.folders(pod.uid))
        try Files.makeDirectories(bundle)
        let mounts = RuntimeSpec.inOrder(spec.mounts).map { mount in
            WireMount(
                target: mount.target, source: pod.spec.source(of: mount, in: folders),
                create: mount.create, sharedBy: LinuxHost.sharedBy(mount, spec))
        }
        let files = nameFiles(pod.uid).map { WireMount(target: $0.target, source: $0.source) }
        let places = TaskPlaces(cwd: spec.cwd, mounts: mounts + files)
        try Files.replace(bundle + "/places", places.fileContent())
    }

    /// Where the pod's document asks for a shared mount.
    private static func sharedBy(_ mount: MountSpec, _ task: TaskSpec) -> String? {
        guard mount.propagation == .shared,
            let index = task.mounts.firstIndex(where: { $0.target.isSame(as: mount.target) })
        else { return nil }
        let place = JSONPointer.root.appending("tasks").appending(task.name.text)
            .appending("mounts").appending(index).appending("propagation")
        return "\(place)"
    }

    /// Returns the task's mounts in their order, and the pod's files, each at the target that the
    /// mount helper made. A file is left out if the task has a mount of its own there.
    private func placed(
        _ mounts: [MountSpec], _ pod: UID, _ bundle: String
    ) throws(SystemCallFailure) -> ([MountSpec], [BoundFile]) {
        var mounts = RuntimeSpec.inOrder(mounts)
        var files = nameFiles(pod)
        let path = bundle + "/targets"
        let content: [UInt8]
        do throws(SystemCallFailure) {
            content = try Files.read(path, limit: TaskPlaces.limit)
        } catch {
            guard error.errno == 2 else { throw error }
            // Without the file the runtime would resolve the rootfs's links as the host's root.
            throw SystemCallFailure(
                call: "the pod's shim is of an older version, which makes no new tasks safely; "
                    + "make the pod anew", subject: path, errno: 2)
        }
        do throws(WireFault) {
            let targets = try TaskTargets.parse(fileContent: content)
            // An older daemon asked for no files.
            if targets.count == mounts.count { files = [] }
            guard targets.count == mounts.count + files.count else {
                throw WireFault("\(targets.count) targets")
            }
            for index in mounts.indices {
                mounts[index].target = targets[index]
                guard mounts[index].propagation == .shared else { continue }
                mounts[index].kind = .bind(source: TaskPlaces.sharedSource(index, in: bundle))
            }
            files = zip(targets[mounts.count...], files)
                .compactMap { $0.isEmpty ? nil : BoundFile(target: $0, source: $1.source) }
        } catch {
            throw SystemCallFailure(call: "read", subject: "\(path): \(error.detail)", errno: 74)
        }
        return (mounts, files)
    }

    package func writeBundle(
        _ pod: Pod, _ spec: TaskSpec, as user: ResolvedUser
    ) async throws(Failure) {
        let needs = TaskNeeds(host: self)
        let filter = try await needs.filter(of: spec)
        let compiled = await needs.compiled(filter, for: pod)
        let devices = try await needs.devices(of: spec)
        let program = await needs.checkProgram(of: spec, as: user, filter, for: pod)
        let bundle = layout.bundle(pod.uid, spec.name)
        var spec = spec
        let files: [BoundFile]
        do throws(SystemCallFailure) {
            (spec.mounts, files) = try placed(spec.mounts, pod.uid, bundle)
        } catch { throw Failure(.shimFailed, "\(error)") }
        // A link in the rootfs may have led a mount's target below /dev.
        if let fault = TaskNeeds.hidden(devices, by: spec.mounts) {
            throw Failure(.deviceRefused, fault)
        }
        let workload = layout.workload(pod.uid, below: pod.spec.cgroupParent)
        if pod.spec.cgroupParent != nil { outside.note(workload) }
        spec.resources = limitable(spec.resources, in: pod)
        let document = RuntimeSpec.document(
            for: spec, in: pod.spec, layout.folders(pod.uid), ids: user,
            rootfs: bundle + "/rootfs",
            cgroupsPath: Layout.task(spec.name, in: workload),
            sharedMemory: pod.spec.hostIPC ? "/dev/shm" : layout.sharedMemory(pod.uid),
            pidNamespace: pod.spec.sharePID ? layout.sharedPID(pod.uid) : nil, files: files,
            seccomp: filter, compiled: compiled, devices: devices, host: kernel.traits)
        do throws(SystemCallFailure) {
            try Files.makeDirectories(bundle)
            // An earlier try with another runtime may have left the files.
            func put(_ name: String, _ content: [UInt8]?) throws(SystemCallFailure) {
                let path = "\(bundle)/\(name)"
                if let content {
                    try Files.replace(path, content)
                } else {
                    try Files.removeFile(path)
                }
            }
            let isVerified = filter != nil && needs.mayOmitFilters(pod)
            try put(TaskDocument.filterMark, isVerified ? [] : nil)
            try put(TaskProgram.fileName, program?.fileContent())
            let isBlind = pod.spec.sharePID && !needs.mayTrace(spec)
            try put(TaskProgram.blindMark, isBlind ? [] : nil)
            try Files.replace(bundle + "/config.json", document)
        } catch { throw Failure(.shimFailed, "\(error)") }
    }

    package func writeUpdate(
        _ pod: Pod, _ task: TaskSpec, to limits: TaskResources
    ) throws(SystemCallFailure) -> [ControlWrite] {
        let (old, new) = (limitable(task.resources, in: pod), limitable(limits, in: pod))
        if old == new { return [] }
        let bundle = layout.bundle(pod.uid, task.name)
        let path = bundle + "/config.json"
        let document = RuntimeSpec.replacing(
            resources: new, kernel.traits, in: try Files.read(path, limit: 64 << 20))
        guard let document else {
            throw SystemCallFailure(call: "read", subject: path, errno: 74)  // EBADMSG
        }
        try Files.replace("\(bundle)/\(WireUpdate.configuration)", document)
        return RuntimeSpec.writes(
            from: old, to: new, kernel.traits, isUnified: kernel.info.cgroup.isSame(as: "v2"))
    }

    /// The client did not ask for the default, so a host that cannot limit goes without it.
    private func limitable(_ resources: TaskResources, in pod: Pod) -> TaskResources {
        guard resources.pids == TaskSpec.defaultPids, !limitsPids(below: pod.spec.cgroupParent)
        else { return resources }
        var resources = resources
        resources.pids = nil
        return resources
    }
}
