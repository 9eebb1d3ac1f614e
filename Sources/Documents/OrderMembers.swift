//  The members of a task that say when it starts: `init` and `after`.

package import JSON
package import Model

extension Codec<[Label]> {
    static var taskNames: Codec {
        .list(
            .parsed(Label.rule, { Label($0) }, text: \.text), limit: DocumentLimits.tasks)
    }
}

extension TaskSpec {
    /// A fault for each member that an init task cannot have. `place` is the task in the document.
    func initFaults(at place: JSONPointer) -> [DocumentFault] {
        guard isInit else { return [] }
        var faults: [DocumentFault] = []
        if !start {
            faults.append(
                DocumentFault(
                    pointer: place.appending("start"),
                    detail: "contradicts 'init': the create of the pod runs an init task"))
        }
        if restart.policy == .always {
            faults.append(
                DocumentFault(
                    pointer: place.appending("restart").appending("policy"),
                    detail: "contradicts 'init': the pod's other tasks would never start"))
        }
        if health != nil {
            faults.append(
                DocumentFault(
                    pointer: place.appending("health"),
                    detail: "contradicts 'init': an init task shows its health by its end"))
        }
        return faults
    }

    /// A fault for each name in `after` that this task cannot wait for.
    ///
    /// - Parameters:
    ///   - tasks: all tasks of the pod, with this one.
    ///   - place: the task in the document.
    ///   - isMissed: whether no request that was accepted before starts the task of this name.
    package func orderFaults(
        among tasks: [TaskSpec], at place: JSONPointer, isMissed: (TaskSpec) -> Bool
    ) -> [DocumentFault] {
        let place = place.appending("after")
        var faults: [DocumentFault] = []
        for (index, name) in after.enumerated() {
            let detail: String
            if after[..<index].contains(name) {
                detail = "names '\(name)' a second time"
            } else if let task = tasks.first(where: { $0.name == name }) {
                if isInit, !task.isInit {
                    detail = "names '\(name)', which starts after all init tasks"
                } else if task.name != self.name, isMissed(task) {
                    detail = "names '\(name)', whose 'start' is false"
                } else {
                    continue
                }
            } else {
                detail = "names no task of the pod"
            }
            faults.append(DocumentFault(pointer: place.appending(index), detail: detail))
        }
        if tasks.namesInCycles.contains(self.name) {
            faults.append(DocumentFault(pointer: place, detail: "leads back to the task itself"))
        }
        return faults
    }
}

extension PodSpec {
    /// A fault for each thing that leaves the tasks without an order in which the create can start
    /// them.
    func orderFaults() -> [DocumentFault] {
        tasks.flatMap { task in
            let place = JSONPointer.root.appending("tasks").appending(task.name.text)
            return task.orderFaults(among: tasks, at: place) { !$0.start }
        }
    }
}
