//  The members of a task's health checks. One of `exec`, `http` and `tcp` is there.

import JSON
import Model

extension HealthSpec {
    static let members = SpecTable<HealthSpec>(
        checks + [
            .optional(
                "interval", \.interval, { $0.interval = $1 },
                .thousandths(in: DocumentLimits.healthInterval)),
            .optional(
                "timeout", \.timeout, { $0.timeout = $1 },
                .thousandths(in: DocumentLimits.healthTimeout)),
            .optional(
                "retries", \.retries, { $0.retries = $1 },
                .integer { $0.integer(in: DocumentLimits.healthRetries) }),
            .optional(
                "startPeriod", \.startPeriod, { $0.startPeriod = $1 },
                .thousandths(in: DocumentLimits.grace)),
            .optional("onFailure", \.onFailure, { $0.onFailure = $1 }, .healthAction),
        ])

    fileprivate static let checks: [Member<HealthSpec>] = [
        check("exec", \.args, { .exec(args: $0) }, .object(execMembers, [])),
        check("http", \.http, { .http($0) }, .object(httpMembers, HTTPCheck(port: 0))),
        check("tcp", \.port, { .tcp(port: $0) }, .object(tcpMembers, 0)),
    ]

    private static func check<Value>(
        _ name: StaticString, _ get: @escaping Member<HealthSpec>.Getter<Value?>,
        _ make: @escaping @Sendable (Value) -> Check, _ codec: Codec<Value>
    ) -> Member<HealthSpec> {
        var member = Member<HealthSpec>.limit(
            name, get, { spec, value in if let value { spec.check = make(value) } }, codec)
        member.isOfOneKind = true
        member.change = nil
        return member
    }

    static let execMembers = SpecTable<[String]>([
        .required("args", { $0 }, { $0 = $1 }, .texts { $0.arguments() })
    ])

    static let httpMembers = SpecTable<HTTPCheck>([
        .required("port", \.port, { $0.port = $1 }, .port),
        .optional(
            "path", \.path, { $0.path = $1 },
            .text { field in
                field.parsed("visible ASCII that begins with '/', at most 2048 bytes") {
                    HTTPCheck.isPath($0) ? $0 : nil
                }
            }),
        .optional(
            "host", \.host, { $0.host = $1 },
            .text { field in
                field.parsed("1 to 255 bytes of visible ASCII") { HTTPCheck.isHost($0) ? $0 : nil }
            }),
    ])

    static let tcpMembers = SpecTable<UInt16>([.required("port", { $0 }, { $0 = $1 }, .port)])

    private var args: [String]? { if case .exec(let args) = check { args } else { nil } }

    private var http: HTTPCheck? { if case .http(let http) = check { http } else { nil } }

    private var port: UInt16? { if case .tcp(let port) = check { port } else { nil } }

    /// Every default, and no check yet.
    fileprivate static var blank: HealthSpec { HealthSpec(check: .tcp(port: 0)) }
}

extension Codec<HealthSpec.Action> {
    fileprivate static var healthAction: Codec {
        .parsed(
            "'none', 'restart' or 'stop'", { HealthSpec.Action(rawValue: $0) }, text: \.rawValue)
    }
}

extension Codec<HealthSpec> {
    static var health: Codec {
        let table = Codec.object(HealthSpec.members, .blank)
        return Codec(
            read: { field in
                let spec = table.read(field)
                guard spec != nil else { return nil }
                let names = HealthSpec.checks.map(\.name)
                guard names.count(where: { field.value[$0] != nil }) == 1 else {
                    field.refuse("must have exactly one of 'exec', 'http' and 'tcp'")
                    return nil
                }
                return spec
            },
            write: table.write, restore: table.restore)
    }
}
