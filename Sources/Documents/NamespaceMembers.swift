//  The members of a pod that are about its namespaces: its sysctls and its shared memory.

import Bytes
import JSON
import Model

extension DocumentLimits {
    /// Sysctls of a pod.
    static let sysctls = 64
    /// Bytes of a sysctl's value.
    static let sysctlBytes = 256
    /// Bytes: a page, and more than any machine has.
    static let shmSize: ClosedRange<Int64> = 4096...(1 << 50)
}

/// The namespace that a sysctl belongs to.
private enum SysctlNamespace {
    case network, ipc

    /// `nil` if the sysctl belongs to no namespace that a pod may have (namespaces(7)). The UTS
    /// namespace's are left out, because a pod has a `hostname`.
    init?(_ name: String) {
        let ipc = ["kernel.shm", "kernel.msg", "fs.mqueue."]
        if name.begins(with: "net.") {
            self = .network
        } else if name.isSame(as: "kernel.sem") || ipc.contains(where: { name.begins(with: $0) }) {
            self = .ipc
        } else {
            return nil
        }
    }
}

extension Field {
    /// Names and values of sysctl(8). A name is part of a path, and a value is a line.
    func sysctls() -> [String: String]? {
        guard let entries = entries(limit: DocumentLimits.sysctls) else { return nil }
        var values: [String: String] = [:]
        for (name, field) in entries {
            if !isSysctlName(name) {
                field.refuse("its name must be a sysctl's, with dots between its parts")
            } else if SysctlNamespace(name) == nil {
                field.refuse(
                    "it belongs to no namespace of the pod, so it would change the whole host; "
                        + "allowed are net.*, kernel.shm*, kernel.msg*, kernel.sem and fs.mqueue.*")
            }
            guard let value = field.string() else { continue }
            if !isSysctlValue(value) {
                field.refuse(
                    "must be 1 to \(DocumentLimits.sysctlBytes) bytes of printable ASCII")
            }
            values[name] = value
        }
        return values
    }
}

private func isSysctlName(_ name: String) -> Bool {
    let parts = name.fields(".", keepingEmpty: true)
    return name.utf8.count <= 128 && parts.count > 1
        && parts.allSatisfy { !$0.isEmpty && $0.utf8.allSatisfy(isNameByte) }
}

private func isSysctlValue(_ value: String) -> Bool {
    (1...DocumentLimits.sysctlBytes).contains(value.utf8.count)
        && value.utf8.allSatisfy { (0x20...0x7e).contains($0) || $0 == 0x09 }
}

extension PodSpec {
    /// A fault for each sysctl or size that would be the host's.
    func namespaceFaults() -> [DocumentFault] {
        var faults: [DocumentFault] = []
        for name in sysctls.keys.sorted() {
            let why: String?
            switch SysctlNamespace(name) {
            case .network? where !network.isOwn:
                why = "with the network 'host' it would change the whole host"
            case .ipc? where hostIPC: why = "with hostIPC it would change the whole host"
            case .network?, .ipc?, nil: why = nil
            }
            guard let why else { continue }
            let place = JSONPointer.root.appending("sysctls").appending(name)
            faults.append(DocumentFault(pointer: place, detail: why))
        }
        if hostPID && sharePID {
            faults.append(
                DocumentFault(
                    pointer: .root.appending("sharePID"),
                    detail: "with hostPID the tasks share the host's PID namespace"))
        }
        if hostIPC && shmSize != PodSpec.defaultShmSize {
            faults.append(
                DocumentFault(
                    pointer: .root.appending("shmSize"),
                    detail: "with hostIPC the tasks have the host's /dev/shm"))
        }
        return faults
    }
}
