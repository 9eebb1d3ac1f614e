//  The members of a task's spec.

package import JSON
package import Model

extension TaskSpec {
    static let members = SpecTable<TaskSpec>(
        ownMembers + [logObject, healthMember] + securityMembers)
    /// The same without the log and the health, of which a task shows more.
    static let shownMembers = SpecTable<TaskSpec>(ownMembers + securityMembers)
    static let logMembers = SpecTable<TaskSpec>(logObject.nested)

    private static let ownMembers: [Member<TaskSpec>] = [
        .optional("labels", \.labels, { $0.labels = $1 }, .map { $0.notes() }),
        .optional("annotations", \.annotations, { $0.annotations = $1 }, .map { $0.notes() }),
        .object(
            "rootfs", isRequired: true,
            [
                .required("path", \.rootfs, { $0.rootfs = $1 }, .text { $0.path() }),
                .optional("readOnly", \.readOnlyRootfs, { $0.readOnlyRootfs = $1 }, .bool),
            ]),
        .required("args", \.args, { $0.args = $1 }, .texts { $0.arguments() }),
        .optional("env", \.env, { $0.env = $1 }, .map { $0.environment() }),
        .optional("cwd", \.cwd, { $0.cwd = $1 }, .text { $0.path() }),
        .optional("user", \.user, { $0.user = $1 }, .user),
        .optional("mounts", \.mounts, { $0.mounts = $1 }, .mounts),
        .optional("resources", \.resources, { $0.resources = $1 }, .taskResources) {
            $0.merged(into: $1)
        },
        .object(
            "capabilities",
            [
                .optional(
                    "add", \.addCapabilities, { $0.addCapabilities = $1 },
                    .texts { $0.capabilities() }),
                .optional(
                    "drop", \.dropCapabilities, { $0.dropCapabilities = $1 },
                    .texts { $0.capabilities() }),
                ambient,
            ]),
        .optional("noNewPrivileges", \.noNewPrivileges, { $0.noNewPrivileges = $1 }, .bool),
        .optional("compat32", \.compat32, { $0.compat32 = $1 }, .bool),
        .optional("stopSignal", \.stopSignal, { $0.stopSignal = $1 }, .signal),
        .optional(
            "gracePeriod", \.gracePeriod, { $0.gracePeriod = $1 },
            .thousandths(in: DocumentLimits.grace)),
        .optional("stdin", \.stdin, { $0.stdin = $1 }, .bool),
        .optional("stdinOnce", \.stdinOnce, { $0.stdinOnce = $1 }, .bool),
        .optional("tty", \.tty, { $0.tty = $1 }, .bool),
        .optional("start", \.start, { $0.start = $1 }, .bool),
        .optional("init", \.isInit, { $0.isInit = $1 }, .bool),
        .optional("after", \.after, { $0.after = $1 }, .taskNames),
        .object("restart", mayChange: true, restartMembers),
    ]

    private static let restartMembers: [Member<TaskSpec>] = [
        .changeable(
            "policy", \.restart.policy, { $0.restart.policy = $1 }, .restartPolicy,
            default: RestartSpec().policy),
        .nullable(
            "maxRetries", \.restart.maxRetries, { $0.restart.maxRetries = $1 },
            .integer { $0.integer(in: DocumentLimits.retries) }, mayChange: true),
        .object(
            "backoff", mayChange: true,
            [
                .changeable(
                    "initial", \.restart.initialBackoff, { $0.restart.initialBackoff = $1 },
                    .thousandths(in: DocumentLimits.grace), default: RestartSpec().initialBackoff),
                .changeable(
                    "max", \.restart.maxBackoff, { $0.restart.maxBackoff = $1 },
                    .thousandths(in: DocumentLimits.grace), default: RestartSpec().maxBackoff),
            ]),
    ]

    private static let healthMember = Member<TaskSpec>.nullable(
        "health", \.health, { $0.health = $1 }, .health)

    private static let logObject = Member<TaskSpec>.object(
        "log",
        [
            .optional("onStall", \.log.onStall, { $0.log.onStall = $1 }, .logStall),
            // Before the limits, whose defaults depend on it.
            .nullable("path", \.log.path, { $0.log.path = $1 }, .text { $0.logPath() }),
            .nullable(
                "maxSize", \.log.maxSize,
                { $0.log.maxSize = $1 ?? $0.log.defaultMaxSize },
                .integer { $0.integer(in: DocumentLimits.logSize) }),
            .nullable(
                "maxFiles", \.log.maxFiles,
                { $0.log.maxFiles = $1 ?? $0.log.defaultMaxFiles },
                .integer { $0.integer(in: DocumentLimits.logFiles) }),
        ])

    /// A fault for each limit that a file of the client's does not have. `place` is the task in the
    /// document.
    func logFaults(at place: JSONPointer) -> [DocumentFault] {
        guard log.path != nil else { return [] }
        return [("maxSize", log.maxSize), ("maxFiles", log.maxFiles)].compactMap { name, limit in
            guard limit != nil else { return nil }
            return DocumentFault(
                pointer: place.appending("log").appending(name),
                detail: "contradicts 'path': the daemon does not rotate a file of the client's")
        }
    }

    /// A fault if the input can never come. `place` is the task in the document.
    func inputFaults(at place: JSONPointer) -> [DocumentFault] {
        guard stdinOnce, !stdin else { return [] }
        return [
            DocumentFault(
                pointer: place.appending("stdinOnce"),
                detail: "contradicts 'stdin': no client can send input")
        ]
    }

    /// Every default, and no value yet for the required members.
    init(defaultsOf name: Label) { self.init(name: name, rootfs: "", args: []) }

    /// Reads `PUT …/tasks/{task}`, with every default filled in.
    package static func decode(
        _ value: JSONValue, name: Label
    ) throws(DocumentFaults) -> TaskSpec {
        try decodeDocument(value) { object in
            var spec = TaskSpec(defaultsOf: name)
            return TaskSpec.members.read(&object, into: &spec) ? spec : nil
        }
    }
}

extension Codec<RestartSpec.Policy> {
    fileprivate static var restartPolicy: Codec {
        .parsed(
            "'never', 'on-failure' or 'always'", { RestartSpec.Policy(rawValue: $0) },
            text: \.rawValue)
    }
}

extension Codec<Signal> {
    static var signal: Codec {
        .parsed("a signal like 'TERM' or 'RTMIN+3'", { Signal($0) }, text: \.description)
    }
}

extension Codec<LogSpec.Stall> {
    fileprivate static var logStall: Codec {
        .parsed("'drop' or 'block'", { LogSpec.Stall(rawValue: $0) }, text: \.rawValue)
    }
}

extension Codec<UserSpec> {
    static var user: Codec {
        .parsed("'user' or 'user:group'", { UserSpec($0) }, text: \.description)
    }
}
