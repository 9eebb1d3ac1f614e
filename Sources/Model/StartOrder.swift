// The order in which a create starts the tasks of a pod.

package import Kernel

extension [TaskSpec] {
    /// The tasks in the order in which a create starts them: first the init tasks, each after those
    /// in its `after`, and then the others in the same way. If `after` leaves a choice, the names
    /// decide.
    package var startOrder: [TaskSpec] {
        var left = sorted { ($0.isInit ? 0 : 1, $0.name) < ($1.isInit ? 0 : 1, $1.name) }
        var order: [TaskSpec] = []
        while !left.isEmpty {
            let waitedFor = Set(left.map(\.name))
            // A request with a cycle is refused. A record with a cycle must not lose a task.
            let next = left.firstIndex { waitedFor.isDisjoint(with: $0.after) } ?? 0
            order.append(left.remove(at: next))
        }
        return order
    }

    /// The names of the tasks that are to start after themselves, because each of them is in a
    /// cycle of `after`.
    package var namesInCycles: Set<Label> {
        var following: [Label: [Label]] = [:]
        for task in self { following[task.name] = task.after }
        return Set(
            map(\.name).filter { name in
                var seen: Set<Label> = []
                var open = following[name] ?? []
                while let next = open.popLast() {
                    if next == name { return true }
                    if seen.insert(next).inserted { open += following[next] ?? [] }
                }
                return false
            })
    }
}

/// Whether another task may start after this one.
package enum StartProgress: Equatable, Sendable {
    /// The task runs, or has run; an init task has ended with 0.
    case reached
    /// The task may still get there.
    case ahead
    /// The task will not get there. The exit is `nil` if the task is being deleted.
    case missed(TaskExit?)
}

extension PodTask {
    /// Whether another task may start after this one.
    package var startProgress: StartProgress {
        switch state {
        case .creating, .created: return .ahead
        case .running, .paused: return spec.isInit ? .ahead : .reached
        case .exited(let exit):
            let isReached =
                spec.isInit ? exit.status == .code(0) : exits.contains { !$0.exit.neverRan }
            if isReached { return .reached }
            return nextStart == nil ? .missed(exit) : .ahead
        case .deleting: return .missed(nil)
        }
    }
}
