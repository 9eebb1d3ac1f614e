//  Reads the records that `OperationRecord` writes.

package import Model

extension PodOperation {
    /// Reads a record that `record()` or `tombstone()` wrote.
    package init(record: [UInt8]) throws(RecordFault) {
        let reader = try RecordReader(record: record)
        let id = try reader["id"].uid()
        let kind = try reader["kind"].parsed { OperationKind(recorded: $0) }
        self.init(
            id: id, kind: kind, target: try reader["target"].target(kind.target),
            revision: try reader["rev"].bits(),
            steps: try reader["steps"].elements().map { x throws(RecordFault) in try x.step() },
            requester: try reader["by"].requester(), createdAt: try reader["created"].time(),
            fingerprint: try reader["print"].bits(),
            grace: try reader.optional("grace")?.integer(),
            signal: try reader.optional("signal")?.signal())
        try readProgress(reader)
    }

    /// Reads the members that change after the operation was made.
    private mutating func readProgress(_ reader: RecordReader) throws(RecordFault) {
        state = try reader["state"].parsed { OperationState(rawValue: $0) }
        order = try reader.optional("order")?.bits() ?? revision
        formerResources = try reader.optional("former")?.resources()
        wantedResources = try reader.optional("wanted")?.resources()
        patch = try reader.optional("patch")?.string()
        joined = try reader.optional("joined")?.integer(as: Int.self) ?? 0
        resumed = try reader.optional("resumed")?.integer(as: Int.self) ?? 0
        supersededBy = try reader.optional("superseded")?.uid()
        finishedAt = try reader.optionalTime("finished")
        expiresAt = try reader.optionalTime("expires")
        stalled = try reader.optional("stalled")?.stall()
        error = try reader.optional("error")?.failure()
        abandonment = try reader.optional("abandoned")?.abandonment()
        for (name, exit) in try reader.optional("exits")?.entries() ?? [] {
            guard let task = Label(name) else {
                throw RecordFault.malformed(exit.pointer, "is not a task's name")
            }
            exits[task] = try exit.exit()
        }
        exec = try reader.optional("exec")?.exec()
    }
}

extension OperationKind {
    /// Version 0.1 had other names for two kinds, and its records must survive an upgrade.
    fileprivate init?(recorded name: String) {
        switch name {
        case "pod.clear": self = .podCleanup
        case "stray.remove": self = .orphanRemove
        case _: self.init(rawValue: name)
        }
    }
}

extension RecordReader {
    fileprivate func optionalTime(_ name: String) throws(RecordFault) -> Timestamp? {
        try optional(name)?.time()
    }

    /// Reads a target of this kind. In records of version 0.1 an orphan has the members of a pod,
    /// whose name is the uid.
    fileprivate func target(_ kind: Target.Kind) throws(RecordFault) -> Target {
        if kind != .task, let task = optional("task") {
            throw RecordFault.malformed(task.pointer, "is not a member of this kind of target")
        }
        switch kind {
        case .pod: return .pod(try pod())
        case .task:
            return .task(
                TaskReference(
                    name: try self["task"].label(), uid: try self["taskUID"].uid(), pod: try pod()))
        case .network:
            return .network(
                NetworkReference(name: try self["network"].label(), uid: try self["uid"].uid()))
        case .orphan: return .orphan(try self["uid"].uid())
        }
    }

    private func pod() throws(RecordFault) -> PodReference {
        PodReference(name: try self["pod"].label(), uid: try self["uid"].uid())
    }

    fileprivate func requester() throws(RecordFault) -> Requester {
        Requester(
            pid: try self["pid"].integer(as: Int32.self),
            uid: try self["uid"].integer(as: UInt32.self),
            gid: try self["gid"].integer(as: UInt32.self),
            command: try optional("comm")?.string())
    }

    fileprivate func stall() throws(RecordFault) -> PodOperation.Stall {
        PodOperation.Stall(
            since: try self["since"].time(), step: try self["step"].stepName(),
            why: try self["why"].string())
    }

    fileprivate func abandonment() throws(RecordFault) -> Abandonment {
        Abandonment(
            step: try self["step"].parsed { RemovalStep(rawValue: $0) },
            reason: try self["reason"].string(), requester: try self["by"].requester(),
            at: try self["at"].time(), left: try optional("left")?.string())
    }

    fileprivate func exec() throws(RecordFault) -> ExecResult {
        ExecResult(
            exitCode: try optional("code")?.integer(as: Int32.self),
            signal: try optional("signal")?.signal(), timedOut: try self["timedOut"].bool(),
            detail: try optional("detail")?.string(), startedAt: try optionalTime("started"),
            finishedAt: try self["finished"].time())
    }

    fileprivate func failure() throws(RecordFault) -> Failure {
        Failure(
            code: try self["code"].string(), status: try self["status"].integer(as: Int.self),
            detail: try self["detail"].string(),
            step: try optional("step")?.stepName())
    }

    fileprivate func step() throws(RecordFault) -> OperationStep {
        var step = OperationStep(
            name: try self["name"].stepName(),
            object: try optional("object")?.label(),
            state: try self["state"].parsed { StepState(rawValue: $0) })
        step.attempts = try self["tries"].integer(as: Int.self)
        step.startedAt = try optionalTime("started")
        step.finishedAt = try optionalTime("finished")
        step.retryAt = try optionalTime("retry")
        step.detail = try optional("detail")?.string()
        return step
    }

    private func stepName() throws(RecordFault) -> StepName {
        try parsed { StepName($0) }
    }
}
