// The sysctls of a pod. They are values of its namespaces, so they go with these.

import Model
import ShimProtocol

struct PodSysctls: PodPart {
    let name = WireSysctl.part

    func prepare(_ pod: Pod, _ engine: Engine) {}

    /// In the order of the names, so that the same spec always has the same result.
    func document(for pod: Pod, _ engine: Engine) -> [UInt8] {
        let sysctls = pod.spec.sysctls.sorted { $0.key < $1.key }
        return WireSysctl.document(sysctls.map { WireSysctl(name: $0.key, value: $0.value) })
    }
}
