// An operator gives up a step that waits for what will never happen.

import EventLoop
import Host
import Kernel
package import Model

extension Engine {
    /// Gives up a step of an operation. Plugins of the pod that run now are killed, and the next
    /// attempt asks no plugin. The removal by the pod's uid still runs, and its rest is named.
    package func abandon(
        _ id: UID, _ step: RemovalStep, reason: String, _ context: RequestContext
    ) throws(Refusal) -> MutationResult {
        if case .unreadable(let why) = operation(id) { throw .fault(cause: why) }
        let result = try mutate(context) { transaction throws(Refusal) in
            var operation = try transaction.known(id)
            if let known = operation.abandonment {
                guard known.step == step, known.reason.utf8.elementsEqual(reason.utf8) else {
                    throw .notAbandonable(
                        "\(known.step.rawValue) was abandoned at \(known.at), with the reason "
                            + "'\(known.reason)'")
                }
                return operation.accepted
            }
            try transaction.checkAbandonable(operation, step)
            operation.abandonment = Abandonment(
                step: step, reason: reason, requester: context.requester, at: transaction.time)
            transaction.put(operation)
            transaction.tellOfChange(operation)
            return .operation(transaction.operation(id) ?? operation)
        }
        if case .operation(let operation) = result { onLoop { self.interruptPlugins(operation) } }
        return result
    }

    /// A plugin that hangs would keep the attempt from its end.
    @Loop private func interruptPlugins(_ operation: PodOperation) {
        log.write(
            .warning, "a step is given up",
            [
                "operation": "\(operation.id)", "step": operation.abandonment?.step.rawValue ?? "-",
                "pod": operation.target.owner.name, "uid": "\(operation.target.owner.uid)",
                "reason": operation.abandonment?.reason ?? "-",
                "requester": "\(operation.abandonment?.requester.uid ?? 0)",
            ])
        ignoring("the attempt ends by itself, or the next request kills them") {
            () throws(SystemCallFailure) in
            try host.kill(layout.plugins(operation.target.owner.uid))
        }
    }
}

extension Transaction {
    /// Refuses a step that does not wait, or whose objects the daemon removes without a plugin.
    fileprivate func checkAbandonable(
        _ operation: PodOperation, _ step: RemovalStep
    ) throws(Refusal) {
        guard !operation.state.hasEnded else {
            throw .notAbandonable("the operation is \(operation.state.rawValue)")
        }
        let pod = pod(uid: operation.target.owner.uid)
        guard step.canBeAbandoned, mayHavePlugins(pod) else {
            throw .notAbandonable(
                "only \(RemovalStep.networkDetach.rawValue) of a pod of the mode 'cni' can be "
                    + "abandoned")
        }
        guard let shown = operation.steps.first(where: { $0.name == .removal(step) }) else {
            throw .notAbandonable("the operation has no step \(step.rawValue)")
        }
        let isStalled = operation.stalled?.step == .removal(step)
        guard shown.state == .waiting || shown.state == .running && isStalled else {
            throw .notAbandonable("\(step.rawValue) is \(shown.state.rawValue), and does not wait")
        }
    }

    /// Nothing is known of an orphan, or of a pod whose record was damaged.
    private func mayHavePlugins(_ pod: Pod?) -> Bool {
        guard let pod, !pod.isSpecLost else { return true }
        return pod.spec.network.cni != nil
    }
}
