// The reply of a mutation: at once, or when its operation has ended.

import Documents
import Engine
import HTTP
import Model

/// The end of the operation that the client wants.
enum Wish {
    case success
    /// The client asked for the operation to be canceled.
    case cancel
}

extension Call {
    func reply(
        _ accepted: MutationResult, wanting wish: Wish = .success, patience: Double = 0
    ) -> HTTPReply {
        switch accepted {
        case .operation(let operation): underway(operation, wish, patience)
        case .finished(let operation): .response(response(operation))
        case .pod(let pod): .response(response(pod))
        case .task(let task): .response(response(task))
        case .network(let network):
            .response(response(engine.network(network.name) ?? NetworkDocument(network, used: 0)))
        case .nothing: .response(HTTPResponse(status: 204))
        }
    }

    /// Replies 202; or, if the client prefers to wait, with the outcome.
    private func underway(
        _ operation: PodOperation, _ wish: Wish, _ patience: Double
    ) -> HTTPReply {
        let seconds = Waiting.preference(request.headers) ?? patience
        guard seconds > 0 else {
            return .response(acceptance(operation))
        }
        return untilEnded(operation.id, seconds: seconds) {
            switch engine.operation(operation.id) {
            case .found(let operation): outcome(operation, wish)
            // The request was accepted, so the reply is 202 even if its operation is no longer
            // kept.
            case .expired, .unknown, .unreadable: acceptance(operation)
            }
        }
    }

    /// Defers the answer until the operation has ended or the time is up.
    func untilEnded(
        _ id: UID, seconds: Double, _ finish: @escaping @Sendable () -> HTTPResponse
    ) -> HTTPReply {
        let engine = engine
        return wait(
            seconds: seconds,
            subscribe: { waiter in
                let token = engine.whenEnded(id) { waiter.resume() }
                waiter.onEnd { engine.cancel(token) }
            }, finish: finish)
    }

    /// The reply for a client that waited.
    func outcome(_ operation: PodOperation, _ wish: Wish) -> HTTPResponse {
        switch (operation.state, wish) {
        case (.pending, _), (.running, _), (.canceling, _): acceptance(operation)
        case (.canceled, .cancel): response(operation)
        case (.succeeded, _): created(operation) ?? response(operation)
        case (.failed, _), (.canceled, .success): failure(operation)
        }
    }

    /// 201 with the new object; `nil` if none was made, or if it is already gone.
    private func created(_ operation: PodOperation) -> HTTPResponse? {
        let target = operation.target
        if case .network(let network) = target, operation.kind.isCreate {
            guard let made = engine.network(network.name), made.network.uid == network.uid else {
                return nil
            }
            return created(response(made), operation)
        }
        guard operation.kind.isCreate, let pod = target.pod.flatMap({ engine.pod($0) }),
            pod.uid == target.owner.uid
        else { return nil }
        let made: HTTPResponse
        if let name = target.task {
            guard let task = pod[task: name], task.uid == target.uid else { return nil }
            made = response(task)
        } else {
            made = response(pod)
        }
        return created(made, operation)
    }

    private func created(_ object: HTTPResponse, _ operation: PodOperation) -> HTTPResponse {
        var made = object
        made.status = 201
        made.headers.append(("Location", operation.target.href))
        made.headers.append(("Operation-Location", operation.href))
        return made
    }

    private func failure(_ operation: PodOperation) -> HTTPResponse {
        if let error = operation.error {
            // A daemon of another version may have stored a code that this version does not know.
            let cause = "operation \(operation.id) failed with \(error.code): \(error.detail)"
            return response(
                Problem(error, instance: instance, operation: operation.id)
                    ?? engine.log.fault(cause, instance: instance))
        }
        let (deleting, state) = operation.target.calledOff
        if let delete = operation.supersededBy {
            return response(
                Problem(
                    deleting, "the create was called off by a delete", instance: instance,
                    operation: delete))
        }
        return response(
            Problem(
                state, "the create was called off", instance: instance, operation: operation.id))
    }
}

extension Target {
    /// The codes for a create that a delete has called off, and for a create that its client has
    /// called off.
    fileprivate var calledOff: (byDelete: ProblemCode, byClient: ProblemCode) {
        switch self {
        case .pod, .orphan: (.podDeleting, .podState)
        case .task: (.taskDeleting, .taskState)
        case .network: (.networkDeleting, .networkUnknown)
        }
    }
}
