// The answer to each refusal of the engine.

import Documents
import Engine
import EventLoop
import Host
import JSON
import Kernel
import Linux
import Model
import Synchronization
import Testing

@testable import API

/// A refusal, and what the contract says about it.
private struct Case: Sendable, CustomTestStringConvertible {
    let refusal: Refusal
    let code: ProblemCode
    let status: Int
    let detail: String
    var testDescription: String { "\(refusal)" }

    init(_ refusal: Refusal, _ status: Int, _ code: ProblemCode, _ detail: String) {
        (self.refusal, self.status, self.code, self.detail) = (refusal, status, code, detail)
    }
}

private let uid = UID(high: 0x0123_4567_89ab_4cde, low: 0x8f01_2345_6789_abcd)
private let web: Label = {
    guard let label = Label("web") else { preconditionFailure("web is no label") }
    return label
}()
private let subnet: IPPrefix = {
    guard let subnet = IPPrefix("10.88.0.0/30") else { preconditionFailure("no subnet") }
    return subnet
}()
private let fault = DocumentFault(pointer: .root.appending("tty"), detail: "is odd")
private let unsupported = DocumentFault(
    pointer: .root.appending("tty"), detail: "is new", isNotSupported: true)

private let cases: [Case] = [
    Case(.podUnknown(web), 404, .podUnknown, "no pod web"),
    Case(.taskUnknown(web), 404, .taskUnknown, "no task web"),
    Case(.operationUnknown(uid), 404, .operationUnknown, "no operation \(uid)"),
    Case(.operationExpired("it is old"), 410, .operationExpired, "it is old"),
    Case(
        .operationIDReused(uid), 422, .operationIDReused, "operation \(uid) was another request"),
    Case(
        .eventsExpired(after: 7), 410, .eventsExpired, "events after 7 are no longer all kept"),
    Case(.uidMismatch(web, current: uid), 412, .uidMismatch, "web is \(uid) now"),
    Case(
        .conditionFailed(entityTag: "\"t\""), 412, .preconditionFailed, "the entity tag is \"t\""),
    Case(
        .conditionFailed(entityTag: nil), 412, .preconditionFailed,
        "the entity tag is none: there is no such thing"),
    Case(.podDeleting(web, operation: uid), 409, .podDeleting, "web is being deleted"),
    Case(.taskDeleting(web, operation: uid), 409, .taskDeleting, "web is being deleted"),
    Case(.podState(.stopping), 409, .podState, "the pod is stopping"),
    Case(.taskState(.deleting(nil)), 409, .taskState, "the task is deleting"),
    Case(
        .logHasNoPath, 409, .taskState,
        "the task's log has no path of the client's: the daemon rotates its files"),
    Case(
        .specConflict(web, differences: [fault], operation: uid), 409, .specConflict,
        "web exists with another spec"),
    Case(
        .notAbandonable("network.detach is running, and does not wait"), 409, .notAbandonable,
        "network.detach is running, and does not wait"),
    Case(.notCancelable(uid, .podStop, .running), 409, .notCancelable, "pod.stop is running"),
    Case(
        .documentFaults(DocumentFaults(faults: [fault, unsupported])), 422, .invalidDocument,
        "'/tty' is odd, and 1 more"),
    Case(
        .documentFaults(DocumentFaults(faults: [unsupported])), 422, .notSupported,
        "'/tty' is new"),
    Case(
        .documentTooLarge(web, bytes: 9, limit: 8), 413, .documentTooLarge,
        "web would have 9 bytes of 8 at most"),
    Case(
        .cgroupParentMissing("/k"), 422, .cgroupParentMissing, "no cgroup hierarchy has /k"),
    Case(.tooManyPods(limit: 3), 429, .tooManyPods, "3 pods are allowed"),
    Case(.tooManyTasks(limit: 3), 409, .podState, "a pod has at most 3 tasks"),
    Case(
        .tooManyOperations(limit: 3), 429, .tooManyOperations,
        "3 operations of this pod have not ended"),
    Case(.network(.unknown(web)), 404, .networkUnknown, "no network web"),
    Case(.network(.deleting(web, operation: uid)), 409, .networkDeleting, "web is being deleted"),
    Case(.network(.inUse(web, pods: 1)), 409, .networkInUse, "1 pod has an address of web"),
    Case(
        .network(.configured(web, file: "/d/1.conf")), 409, .networkConfigured,
        "/d/1.conf defines the network web"),
    Case(.network(.inUse(web, pods: 2)), 409, .networkInUse, "2 pods have an address of web"),
    Case(
        .network(.subnetTaken(subnet, by: "the network web")), 409, .subnetTaken,
        "10.88.0.0/30 overlaps the network web"),
    Case(
        .network(.subnetsExhausted), 409, .subnetTaken,
        "each of 10.88.0.0/16 to 10.127.0.0/16 is in use; name another subnet"),
    Case(
        .network(.addressTaken(subnet.last, by: web)), 409, .addressTaken,
        "10.88.0.3 belongs to the pod web"),
    Case(
        .network(.addressTaken(subnet.last, by: nil)), 409, .addressTaken,
        "10.88.0.3 belongs to a pod that is being removed"),
    Case(
        .network(.addressesExhausted(web, subnet)), 409, .addressesExhausted,
        "pods have all 1 addresses of web, 10.88.0.0/30"),
    Case(
        .network(.bridgeFull(web)), 409, .addressesExhausted,
        "web has 1023 pods; the kernel's bridges have no more ports"),
    Case(
        .network(.addressRefused(subnet.last, web, subnet: subnet)), 422, .addressRefused,
        "10.88.0.3 is no address for pods of the network web, 10.88.0.0/30"),
    Case(
        .network(.addressRefused(subnet.last, web, subnet: nil)), 422, .addressRefused,
        "the network web has no IPv6 addresses"),
    Case(
        .network(.portTaken(PortSpec(hostPort: 80, containerPort: 8080), by: web)), 409, .portTaken,
        "80/tcp belongs to the pod web"),
    Case(.network(.tooMany(limit: 3)), 429, .tooManyPods, "3 networks are allowed"),
    Case(.runtimeUnavailable("no runc"), 503, .runtimeUnavailable, "no runc"),
    Case(.dataDirectoryUnusable("no overlay"), 503, .dataDirectoryUnusable, "no overlay"),
    Case(.storeFull, 503, .storeFull, "the run directory is full"),
]

@Suite struct RefusalProblems {
    private let silent = Log.off

    /// The tests of the engine share this process and its loop, and control the loop's clock.
    init() { Reactor.isSimulated.store(true, ordering: .releasing) }

    @Test("every refusal has the contract's status, code and words", arguments: cases)
    private func isTheContracts(_ expected: Case) {
        let problem = Problem(expected.refusal, instance: "/v1/pods/web", silent)
        #expect(problem.code == expected.code)
        #expect(problem.status == expected.status)
        #expect(problem.detail == expected.detail)
        #expect(problem.instance == "/v1/pods/web")
    }

    @Test("a problem has the facts of its refusal, and no others")
    func facts() {
        for refusal in cases.map(\.refusal) {
            let problem = Problem(refusal, instance: "/", silent)
            switch refusal {
            case .operationIDReused, .podDeleting, .taskDeleting, .notCancelable,
                .network(.deleting):
                #expect((problem.operation, problem.errors) == (uid, []), "\(refusal)")
            case .specConflict:
                #expect((problem.operation, problem.errors) == (uid, [fault]))
            case .cgroupParentMissing:
                #expect(problem.errors.map { "\($0.pointer)" } == ["/cgroupParent"])
                #expect(problem.operation == nil)
            case .documentFaults(let faults):
                #expect((problem.operation, problem.errors) == (nil, faults.faults))
            case _:
                #expect((problem.operation, problem.errors) == (nil, []), "\(refusal)")
            }
            if case .uidMismatch = refusal {
                #expect(problem.currentUid == uid)
            } else {
                #expect(problem.currentUid == nil, "\(refusal)")
            }
        }
        let task = Problem(.specConflict(web, differences: [fault]), instance: "/", silent)
        #expect(task.operation == nil)
    }

    @Test("a fault is told with an id, and logged with that id, the path and the cause")
    func faultIsLogged() throws {
        let lines = Mutex<[String]>([])
        let log = Log(.error) { line in lines.withLock { $0.append(line) } }
        let problem = Problem(.fault(cause: "the disk"), instance: "/v1/pods", log)
        #expect(problem.code.rawValue == "internal" && problem.status == 500)
        let id = try #require(
            problem.detail.wholeMatch(of: /the disk \(id ([0-9a-f-]{36})\)/)?.output.1)
        let line = try #require(lines.withLock { $0.count == 1 ? $0.first : nil })
        #expect(
            line.hasSuffix(
                "level=error msg=\"internal fault\" id=\(id) path=/v1/pods error=\"the disk\"\n"))
    }

    @Test("the table above has every case")
    func everyCaseIsThere() throws {
        let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        let bytes = try Files.read("/\(root)/Sources/Engine/Requests/Refusal.swift", limit: 65536)
        let declared = String(decoding: bytes, as: UTF8.self)
            .matches(of: /\n    case (\w+)/).map { String($0.output.1) }
        #expect(declared.count > 20)
        let tested = (cases.map(\.refusal) + [.fault(cause: "")]).map { refusal in
            String("\(refusal)".prefix { $0 != "(" })
        }
        #expect(Set(declared) == Set(tested))
    }
}
