// What the kernel counts for pods, as a helper reads it.

import EventLoop
import Host
import Kernel
package import Model
import ShimProtocol

extension LinuxHost {
    package func statistics(of pods: [Pod]) async -> [PodStatistics]? {
        // The kernel takes 0.1 ms for a cgroup, so two helpers read many.
        let half = pods.count < LinuxHost.manyPods ? 0 : pods.count / 2
        async let first = read(Array(pods[..<half]))
        let second = await read(Array(pods[half...]))
        guard let first = await first, let second else { return nil }
        return first + second
    }

    private static let manyPods = 50

    private func read(_ pods: [Pod]) async -> [PodStatistics]? {
        if pods.isEmpty { return [] }
        let request = StatisticsRequest(pods, layout)
        do throws(SystemCallFailure) {
            let read = try await Helper.run(
                ["staunch-shim", "statistics"], path: try shimProgram(),
                input: request.wire.document())
            guard read.blocker == nil else { return nil }
            return request.statistics(try answer(read.output), readAt: EngineClock.now)
        } catch { return nil }
    }

    private func answer(_ output: [UInt8]) throws(SystemCallFailure) -> WireStatistics {
        do throws(WireFault) { return try WireStatistics.parse(document: output) } catch {
            throw SystemCallFailure(call: "parse", subject: error.detail, errno: 74)  // EBADMSG
        }
    }
}

/// The request for these pods: the pod's cgroup and then its tasks', pod by pod.
struct StatisticsRequest {
    private let pods: [Pod]
    private(set) var wire = WireStatisticsRequest(cgroups: [], interfaces: [], namespaces: [])

    init(_ pods: [Pod], _ layout: Layout) {
        self.pods = pods
        for pod in pods {
            let spec = pod.spec
            let workload = layout.workload(pod.uid, below: spec.cgroupParent)
            let own = layout.workload(pod.uid)
            // Others may limit what is below a client's parent.
            let isOutside = spec.cgroupParent != nil
            wire.cgroups.append(
                CgroupQuery(
                    path: workload, own: own, hasChildren: true,
                    hasCPULimit: spec.resources.milliCPUs != nil || isOutside,
                    hasMemoryLimit: spec.resources.memory != nil || isOutside))
            for task in pod.tasks {
                let limits = task.spec.resources
                let isOther = isOutside || !limits.unified.isEmpty
                wire.cgroups.append(
                    CgroupQuery(
                        path: Layout.task(task.spec.name, in: workload),
                        own: Layout.task(task.spec.name, in: own), hasChildren: false,
                        hasCPULimit: limits.limitInMilliCPUs != nil || isOther,
                        hasMemoryLimit: limits.memory != nil || isOther))
            }
            wire.interfaces += pod.interfaces.map(\.hostInterface)
            if let shim = StatisticsRequest.namespace(of: pod) { wire.namespaces.append(shim) }
        }
    }

    /// The shim, in whose namespace the interfaces of plugins are; `nil` if there are none.
    private static func namespace(of pod: Pod) -> ProcessIdentity? {
        pod.spec.network.cni == nil ? nil : pod.shim?.process
    }

    /// Gives each pod its part of the answer; `nil` if the answer is another request's.
    func statistics(_ read: WireStatistics, readAt: Timestamp) -> [PodStatistics]? {
        guard read.cgroups.count == wire.cgroups.count,
            read.interfaces.count == wire.interfaces.count,
            read.namespaces.count == wire.namespaces.count
        else { return nil }
        var (cgroups, interfaces) = (read.cgroups[...], read.interfaces[...])
        var namespaces = read.namespaces[...]
        return pods.map { pod in
            let total = cgroups.removeFirst()
            let tasks = pod.tasks.map { _ in cgroups.removeFirst() }
            var seen: [InterfaceStatistics] = []
            for interface in pod.interfaces {
                let other = interfaces.removeFirst()
                if let other { seen.append(other.fromOtherEnd(named: interface.name)) }
            }
            if StatisticsRequest.namespace(of: pod) != nil { seen += namespaces.removeFirst() }
            return PodStatistics(
                pod: pod, readAt: readAt, total: total, tasks: tasks, interfaces: seen)
        }
    }
}
