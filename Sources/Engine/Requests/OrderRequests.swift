// Refuses a new task that its pod cannot start in the requested order.

import Documents
import JSON
import Model

extension TaskSpec {
    /// A fault for each thing about the order that a task of an existing pod cannot have. Every
    /// task that it waits for was to start by an earlier request, so no wait can be endless.
    func orderFaults(in pod: Pod) -> [DocumentFault] {
        var faults = orderFaults(among: pod.tasks.map(\.spec) + [self], at: .root) { other in
            guard let task = pod[task: other.name] else { return false }
            return !other.start && task.startProgress == .ahead
        }
        if isInit {
            faults.append(
                DocumentFault(
                    pointer: JSONPointer.root.appending("init"),
                    detail: "is for a task of the pod's own create: the pod's other tasks have "
                        + "started already"))
        }
        return faults
    }
}
