// The steps that an operation shows from its first answer on.

import Model
import Teardown

/// One step of one operation. `object` is the task of the step, `nil` for a step of the pod.
struct ShownStep: Hashable {
    let name: StepName
    let object: Label?

    init(_ name: StepName, _ object: Label?) {
        self.name = name
        self.object = object
    }

    init(_ step: TeardownStep) { self.init(.removal(step.name), step.task) }
}

extension OperationStep {
    /// The steps that create one task with its pod.
    static func creating(_ task: TaskSpec) -> [OperationStep] {
        making(task) + (task.isInit ? [waiting(task)] : [])
    }

    /// The steps that create one task of a pod that exists.
    static func creating(lone task: TaskSpec) -> [OperationStep] {
        (task.after.isEmpty ? [] : [waiting(task)]) + making(task)
    }

    private static func waiting(_ task: TaskSpec) -> OperationStep {
        OperationStep(name: .create(.taskWait), object: task.name)
    }

    /// The steps that make one task, once it may start.
    static func making(_ task: TaskSpec) -> [OperationStep] {
        let opening: [CreateStep] = task.log.path == nil ? [] : [.logOpen]
        return ([.rootfsMount] + opening + [.taskCreate]).map { step in
            OperationStep(name: .create(step), object: task.name)
        }
    }

    /// The steps that remove a pod.
    static func removing(tasks: [Label]) -> [OperationStep] {
        TeardownStep.all(tasks: tasks).map(OperationStep.init)
    }

    /// The steps that remove one task.
    static func removing(task: Label) -> [OperationStep] {
        TeardownStep.all(task: task).map(OperationStep.init)
    }

    /// The steps that remove a network.
    static let removingNetwork = TeardownStep.ofNetwork.map { OperationStep(TeardownStep($0)) }

    private init(_ step: TeardownStep) {
        self.init(name: .removal(step.name), object: step.task)
    }
}

extension PodOperation {
    /// The first step that is in progress, or else the first step that has not begun.
    var currentStep: StepName? {
        let underWay = steps.first { $0.state == .running || $0.state == .waiting }
        return (underWay ?? steps.first { !$0.isDone })?.name
    }

    /// Changes the step of this name and object, and adds the step if it is not planned.
    mutating func step(
        _ name: StepName, _ object: Label?, _ change: (inout OperationStep) -> Void
    ) {
        let index = steps.firstIndex { $0.name == name && $0.object == object }
        if let index { return change(&steps[index]) }
        var step = OperationStep(name: name, object: object)
        change(&step)
        steps.append(step)
    }
}
