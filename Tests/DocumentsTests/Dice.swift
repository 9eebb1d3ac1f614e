import Kernel
import Model

/// Random values, reproducible from the seed (SplitMix64).
struct Dice: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed &* 0x9e37_79b9_7f4a_7c15 }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var word = state
        word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
        word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
        return word ^ (word >> 31)
    }

    static let taskStates: [TaskState] =
        [.creating, .created(process), .running(process), .deleting(nil)]
        + exits.flatMap { [.exited($0), .deleting($0)] }
    private static let process = ProcessIdentity(pid: .max, startTicks: .max)
    private static let exits = [
        TaskExit(status: .code(-1), oomKilled: true, finishedAt: noon.milliseconds),
        TaskExit(status: .signal(64), oomKilled: false, finishedAt: noon.milliseconds),
        TaskExit(status: .neverRan(signal: nil), oomKilled: false, finishedAt: noon.milliseconds),
        TaskExit(status: .neverRan(signal: 9), oomKilled: false, finishedAt: noon.milliseconds),
        TaskExit(status: .unknown, oomKilled: false, finishedAt: -1),
    ]

    mutating func flip() -> Bool { Bool.random(using: &self) }

    mutating func maybe<Value>(_ make: (inout Dice) -> Value) -> Value? {
        flip() ? make(&self) : nil
    }

    mutating func list<Value>(_ make: (inout Dice) -> Value) -> [Value] {
        (0..<Int.random(in: 0...4, using: &self)).map { _ in make(&self) }
    }

    mutating func pick<Value>(_ values: [Value]) -> Value {
        values[Int.random(in: 0..<values.count, using: &self)]
    }

    mutating func uid() -> UID { UID(high: next(), low: next()) }

    mutating func time() -> Timestamp {
        Timestamp(milliseconds: Int64(truncatingIfNeeded: next()) >> 8)
    }

    mutating func name() -> Label { label("n\(next() % 1_000_000)") }

    mutating func text() -> String {
        String(String.UnicodeScalarView(list { Unicode.Scalar(UInt16($0.next() % 0xd800)) ?? "?" }))
    }

    mutating func number() -> Int64 { Int64.random(in: 1...(1 << 40), using: &self) }

    mutating func notes() -> [String: String] {
        Dictionary(list { ($0.text(), $0.text()) }) { first, _ in first }
    }

    mutating func resources() -> Resources {
        Resources(
            memory: maybe { 6_291_456 + $0.number() },
            milliCPUs: maybe { .random(in: 10...1_024_000, using: &$0) },
            pids: maybe { .random(in: 1...4_194_304, using: &$0) })
    }

    mutating func taskResources() -> TaskResources {
        let own = resources()
        var resources = TaskResources(
            memory: own.memory, milliCPUs: own.milliCPUs, pids: own.pids)
        resources.memorySwap = maybe { $0.flip() ? -1 : $0.number() }
        resources.cpuShares = maybe { .random(in: 2...262_144, using: &$0) }
        resources.cpuQuota = maybe { $0.flip() ? -1 : $0.number() }
        resources.cpuPeriod = maybe { .random(in: 1000...1_000_000, using: &$0) }
        resources.cpuset = CPUSet(cpus: maybe { $0.text() }, mems: maybe { _ in "0" })
        resources.hugepages = Dictionary(list { ($0.text(), $0.number()) }) { first, _ in first }
        resources.unified = notes()
        resources.oomScoreAdj = maybe { .random(in: -1000...1000, using: &$0) }
        return resources
    }

    mutating func mount() -> MountSpec {
        let kind: MountSpec.Kind = pick([
            .bind(source: text()), .tmpfs(size: maybe { $0.number() }), .volume(name: name().text),
        ])
        return MountSpec(kind: kind, target: text(), readOnly: flip())
    }

    /// Returns volumes with distinct names, in their order.
    mutating func volumes() -> [VolumeSpec] {
        let names = Set(list { $0.name() } + [label("v")]).sorted()
        return names.map { name in
            let size = maybe { $0.number() }
            return VolumeSpec(name: name, medium: flip() ? .disk : .memory(size: size))
        }
    }

    /// Returns any task that the types allow, even if no client could send it.
    mutating func task() -> TaskSpec {
        var task = TaskSpec(
            name: name(), rootfs: text(), readOnlyRootfs: flip(), args: list { $0.text() },
            env: notes(), cwd: text(),
            user: pick([.root, UserSpec("a:b"), UserSpec("7")]) ?? .root,
            mounts: list { $0.mount() }, resources: taskResources(),
            addCapabilities: list { $0.text() }, dropCapabilities: list { $0.text() },
            noNewPrivileges: flip(), compat32: flip(),
            stopSignal: signal(Int.random(in: 1...64, using: &self)),
            gracePeriod: .random(in: 0...86_400_000, using: &self), start: flip())
        task.labels = notes()
        task.annotations = notes()
        task.security = security()
        task.isInit = flip()
        task.after = list { $0.name() }
        task.restart = RestartSpec(
            policy: pick(RestartSpec.Policy.allCases),
            maxRetries: maybe { .random(in: 0...1_000_000_000, using: &$0) },
            initialBackoff: .random(in: 0...86_400_000, using: &self),
            maxBackoff: .random(in: 0...86_400_000, using: &self))
        task.health = maybe { $0.health() }
        return task
    }

    mutating func health() -> HealthSpec {
        let port = UInt16.random(in: 1...65_535, using: &self)
        let checks: [HealthSpec.Check] = [
            .exec(args: ["a"] + list { _ in "b" }), .tcp(port: port),
            .http(HTTPCheck(port: port, path: "/~?", host: "h")),
        ]
        var health = HealthSpec(check: pick(checks))
        health.interval = .random(in: 100...86_400_000, using: &self)
        health.timeout = .random(in: 10...3_600_000, using: &self)
        health.retries = .random(in: 1...1000, using: &self)
        health.startPeriod = .random(in: 0...86_400_000, using: &self)
        health.onFailure = pick(HealthSpec.Action.allCases)
        return health
    }

    mutating func security() -> TaskSecurity {
        var security = TaskSecurity()
        security.groups = list {
            $0.flip() ? .number(UInt32($0.next() >> 33)) : .name("g\($0.next())")
        }
        security.groupsFromRootfs = maybe { $0.flip() }
        security.umask = UInt32.random(in: 0...0o777, using: &self)
        security.rlimits = list {
            let hard = $0.flip() ? UInt64.max : $0.next() >> 1
            return ProcessLimit(type: $0.pick(ProcessLimit.types), soft: hard / 2, hard: hard)
        }
        security.maskedPaths = maybe { $0.list { $0.text() } }
        security.readOnlyPaths = maybe { $0.list { $0.text() } }
        security.seccomp = pick([.standard, .unconfined, .profile(path: text())])
        security.apparmor = maybe { $0.text() }
        security.ambientCapabilities = list { $0.text() }
        security.isPrivileged = flip()
        security.devices = list {
            DeviceSpec(path: $0.text(), containerPath: $0.text(), permissions: $0.text())
        }
        return security
    }

    /// Returns a task that a client can send.
    mutating func sendableTask() -> TaskSpec {
        var spec = task()
        spec.labels = ["a/b": "\(number())"]
        spec.annotations = ["é": ""]
        spec.rootfs = "/" + "é/\"\\"
        spec.cwd = "/\(number())"
        spec.args = ["sh", "\u{1}\u{7f}"]
        spec.env = ["A": "\(number())", "É": ""]
        spec.mounts = [
            MountSpec(kind: .bind(source: "/s"), target: "/t\(number())", readOnly: flip()),
            MountSpec(kind: .tmpfs(size: maybe { $0.number() }), target: "/u"),
            MountSpec(kind: .volume(name: "v"), target: "/v", readOnly: flip()),
        ]
        spec.resources.memorySwap = nil
        spec.resources.milliCPUs = maybe { _ in 1500 }
        spec.resources.cpuQuota = spec.resources.milliCPUs == nil ? 5000 : nil
        spec.resources.cpuPeriod = nil
        spec.resources.cpuset = CPUSet(cpus: maybe { _ in "0-3,6" }, mems: maybe { _ in "0" })
        spec.resources.hugepages = flip() ? [:] : ["2MB": 0, "1GB": number()]
        spec.resources.unified = flip() ? [:] : ["memory.high": "max"]
        spec.addCapabilities = ["CHOWN", "NET_RAW"]
        spec.dropCapabilities = ["ALL"]
        spec.compat32 = true
        spec.log.onStall = pick([.drop, .block])
        spec.log.path = maybe { "/l\($0.number())" }
        spec.log.maxSize = spec.log.path == nil ? 65536 + number() : nil
        spec.log.maxFiles = spec.log.path == nil ? pick([2, 1000]) : nil
        spec.security.isPrivileged = false
        spec.security.maskedPaths = maybe { _ in ["/m"] }
        spec.security.readOnlyPaths = maybe { _ in [] }
        spec.security.apparmor = maybe { _ in "p" }
        spec.security.seccomp = pick([.standard, .unconfined, .profile(path: "/p")])
        spec.security.ambientCapabilities = ["CHOWN"]
        spec.security.rlimits = Array(spec.security.rlimits.prefix(1))
        spec.security.devices = [
            DeviceSpec(path: "/x", containerPath: "/dev/x", permissions: "r")
        ]
        return spec
    }

    mutating func podTask() -> PodTask {
        var task = PodTask(
            uid: uid(), spec: task(), state: pick(Dice.taskStates), revision: next(),
            createdAt: time(), startedAt: maybe { $0.time() }, operation: maybe { $0.uid() })
        task.attempt = .random(in: 1...UInt32.max, using: &self)
        task.exits = list {
            AttemptExit(
                attempt: UInt32(truncatingIfNeeded: $0.next()), $0.pick(Dice.exits))
        }
        task.nextStart = maybe { dice in
            NextStart(at: dice.time(), waitsFor: dice.maybe { $0.text() })
        }
        return task
    }

    mutating func pod() -> Pod {
        let spec = PodSpec(
            labels: notes(), annotations: notes(), hostname: text(),
            network: network(), resources: resources(), volumes: volumes(),
            tasks: list { $0.task() })
        let process = ProcessIdentity(pid: 7, startTicks: next())
        var pod = Pod(
            uid: uid(), name: name(), spec: spec, state: pick(PodState.allCases),
            revision: next(), createdAt: time(),
            shim: maybe { ShimStatus(process: process, since: $0.time()) },
            tasks: list { $0.podTask() }, interfaces: list { $0.interface() },
            attachments: list { $0.attachment() },
            isReleased: pick([true, false]), operation: maybe { $0.uid() })
        pod.isSpecLost = pick([true, false])
        return pod
    }

    mutating func record() -> Network {
        Network(
            uid: uid(), name: name(),
            spec: NetworkSpec(
                subnet: IPPrefix(address(.v4), length: 16),
                subnet6: maybe { IPPrefix($0.address(.v6), length: 64) } ?? nil,
                mtu: Int64(next() % 65_536), masquerade: pick([true, false]),
                isolate: pick([true, false])),
            isAutomatic: pick([true, false]), state: pick(NetworkState.allCases),
            revision: next(), createdAt: time(), operation: maybe { $0.uid() })
    }

    mutating func network() -> PodNetwork {
        let bridge = BridgeSpec(
            name: name(), address: maybe { $0.address(.v4) }, address6: maybe { $0.address(.v6) },
            ports: list { $0.port() })
        let first = CNIAttachment(
            network: maybe { $0.name().text }, interface: "eth0", args: ["A": "b"],
            capabilities: ["mac": Array(#""02:00:00:00:00:01""#.utf8)])
        let others = list { CNIAttachment(interface: $0.name().text) }
        let cni = CNISpec(attachments: [first] + others, ports: list { $0.port() })
        return pick([.none, .host, .bridge(bridge), .cni(cni)])
    }

    mutating func address(_ family: IPAddress.Family) -> IPAddress {
        let value = UInt128(next()) << 64 | UInt128(next())
        return IPAddress(family, family == .v4 ? value & 0xffff_ffff : value)
    }

    private mutating func port() -> PortSpec {
        PortSpec(
            hostPort: UInt16(truncatingIfNeeded: next()),
            containerPort: UInt16(truncatingIfNeeded: next()),
            transport: pick(Transport.allCases),
            hostIP: maybe { dice in dice.address(dice.pick([.v4, .v6])) })
    }

    private mutating func interface() -> PodInterface {
        let address = address(.v4)
        return PodInterface(
            name: "eth0", mac: MACAddress(for: IPAddress(.v4, 1)), hostInterface: "st0123456789ab",
            addresses: IPPrefix(address, length: 16).map { [$0] } ?? [],
            gateways: list { $0.address(.v6) }, network: name(), networkUID: uid())
    }

    mutating func attachment() -> PodAttachment {
        PodAttachment(
            network: text(), interface: text(), file: text(), isList: pick([true, false]),
            configuration: Array(text().utf8), version: "1.0.0", directories: list { $0.text() },
            arguments: list { PodAttachment.Argument($0.text(), $0.text()) },
            labels: ["b": text(), "a": text()], capabilities: ["mac": Array(text().utf8)],
            shim: maybe { ProcessIdentity(pid: 7, startTicks: $0.next()) },
            made: maybe { dice in
                PodAttachment.Made(
                    result: Array(dice.text().utf8), mac: dice.maybe { $0.text() },
                    hostInterface: dice.maybe { $0.text() },
                    addresses: IPPrefix(dice.address(.v6), length: 64).map { [$0] } ?? [],
                    gateways: dice.list { $0.address(.v4) })
            })
    }

    mutating func step() -> OperationStep {
        var step = OperationStep(
            name: pick(StepName.allCases), object: maybe { $0.name() },
            state: pick(StepState.allCases))
        step.attempts = Int(next() % 1000)
        step.startedAt = maybe { $0.time() }
        step.finishedAt = maybe { $0.time() }
        step.retryAt = maybe { $0.time() }
        step.detail = maybe { $0.text() }
        return step
    }

    mutating func target(_ kind: Target.Kind) -> Target {
        let pod = PodReference(name: name(), uid: uid())
        return switch kind {
        case .network: .network(NetworkReference(name: name(), uid: uid()))
        case .pod: .pod(pod)
        case .task: .task(TaskReference(name: name(), uid: uid(), pod: pod))
        case .orphan: .orphan(uid())
        }
    }

    mutating func operation() -> PodOperation {
        let kind = pick(OperationKind.allCases)
        let requester = Requester(
            pid: .max, uid: .max, gid: UInt32(next() >> 32), command: maybe { $0.text() })
        var operation = PodOperation(
            id: uid(), kind: kind, target: target(kind.target), revision: next(),
            steps: list { $0.step() }, requester: requester, createdAt: time(),
            fingerprint: next(), grace: maybe { $0.number() }, signal: maybe { _ in .kill })
        operation.state = pick(OperationState.allCases)
        operation.joined = Int(next() % 9)
        operation.resumed = Int(next() % 9)
        operation.patch = maybe { $0.text() }
        operation.supersededBy = maybe { $0.uid() }
        operation.finishedAt = maybe { $0.time() }
        operation.expiresAt = maybe { $0.time() }
        operation.stalled = maybe { dice in
            let step = dice.pick(StepName.allCases)
            return PodOperation.Stall(since: dice.time(), step: step, why: dice.text())
        }
        operation.error = maybe { dice in
            let step = dice.maybe { $0.pick(StepName.allCases) }
            let cause = dice.maybe { $0.pick(FailureCause.allCases) }
            return Failure(
                cause: cause.map(Failure.Cause.known)
                    ?? .recorded(code: dice.text(), status: 422),
                detail: dice.text(), step: step)
        }
        operation.abandonment = maybe { dice in
            Abandonment(
                step: .networkDetach, reason: dice.text(), requester: requester, at: dice.time(),
                left: dice.maybe { $0.text() })
        }
        for _ in 0..<Int(next() % 3) {
            operation.exits[name()] = Dice.taskStates.compactMap(\.exit).randomElement(using: &self)
        }
        operation.exec = maybe { dice in
            ExecResult(
                exitCode: dice.maybe { Int32(truncatingIfNeeded: $0.next()) },
                signal: dice.flip() ? Signal(number: 9) : nil, timedOut: dice.flip(),
                detail: dice.maybe { $0.text() }, startedAt: dice.maybe { $0.time() },
                finishedAt: dice.time())
        }
        return operation
    }
}
