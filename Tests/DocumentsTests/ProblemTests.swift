import Documents
import JSON
import Model
import Testing

@Suite struct ProblemTests {
    /// The contract's table: the HTTP status of each code.
    private static let contract: [String: Int] = [
        "malformed-request": 400, "malformed-json": 400, "invalid-document": 422,
        "not-supported": 422, "not-found": 404, "pod-unknown": 404, "task-unknown": 404,
        "operation-unknown": 404, "method-not-allowed": 405, "not-acceptable": 406,
        "spec-conflict": 409, "pod-deleting": 409, "task-deleting": 409, "task-state": 409,
        "pod-state": 409, "not-cancelable": 409, "not-abandonable": 409, "operation-expired": 410,
        "events-expired": 410,
        "uid-mismatch": 412, "precondition-failed": 412, "body-too-large": 413,
        "document-too-large": 413,
        "unsupported-media-type": 415, "too-deep": 400, "operation-id-reused": 422,
        "rootfs-missing": 422, "rootfs-not-directory": 422, "rootfs-refused": 422,
        "user-unknown": 422, "mount-source-missing": 422, "mount-source-not-shared": 422,
        "mount-target-refused": 422, "log-path-refused": 422,
        "device-refused": 422, "seccomp-profile-refused": 422, "runtime-refused": 422,
        "init-task-failed": 422,
        "cgroup-parent-missing": 422,
        "shim-failed": 500, "exec-lost": 500, "exec-ended": 409, "port-refused": 502,
        "too-many-waits": 503, "too-many-pods": 429,
        "too-many-operations": 429, "starting": 503,
        "store-full": 503, "data-directory-unusable": 503, "runtime-unavailable": 503,
        "statistics-unavailable": 503,
        "network-unknown": 404, "network-deleting": 409, "network-in-use": 409,
        "network-configured": 409,
        "subnet-taken": 409, "address-taken": 409, "addresses-exhausted": 409,
        "address-refused": 422, "port-taken": 409, "network-refused": 422, "network-failed": 500,
        "sysctl-refused": 422,
        "internal": 500, "transfer-coding-unknown": 501,
    ]

    @Test func theTableIsTheContracts() {
        let table = ProblemCode.allCases.map { ($0.rawValue, $0.status) }
        #expect(Dictionary(uniqueKeysWithValues: table) == Self.contract)
    }

    @Test(arguments: ProblemCode.allCases)
    func everyCodeIsExplained(code: ProblemCode) throws {
        let document = try json(code)
        #expect(document["code"] == .string(code.rawValue))
        #expect(document["status"] == .integer(Int64(code.status)))
        for text in [code.title, code.description, code.hint].compactMap({ $0 }) {
            #expect(!text.isEmpty && !text.contains("  ") && text.last != " ")
        }
    }

    @Test func aProblemIsItsDocument() throws {
        let fault = DocumentFault(pointer: .root.appending("a"), detail: "is odd")
        let problem = Problem(
            .uidMismatch, "d", instance: "/v1/pods/web", operation: uid, errors: [fault],
            currentUid: uid)
        let expected = try json(
            #"""
            {"type":"/problems/uid-mismatch","title":"The name belongs to another uid","status":412,
            "code":"uid-mismatch","detail":"d","instance":"/v1/pods/web","hint":null,
            "retryable":false,"operation":"\#(uid)",
            "errors":[{"pointer":"/a","detail":"is odd"}],"currentUid":"\#(uid)"}
            """#)
        #expect(try json(problem) == expected)
        let plain = try json(Problem(.starting, "d", instance: "/"))
        #expect(plain["errors"] == nil && plain["currentUid"] == nil)
        #expect(plain["operation"] == .null && plain["retryable"] == .bool(true))
    }

    @Test func faultsOfABodyAreProblems() {
        func code(_ text: String) -> ProblemCode? {
            let fault = #expect(throws: JSONFault.self) { try JSONValue.parse(Array(text.utf8)) }
            return fault.map { Problem($0, instance: "/").code }
        }
        #expect(code(String(repeating: "[", count: 65)) == .tooDeep)
        #expect(code(#"{"a":1,"a":2}"#) == .malformedJSON)
        #expect(code("") == .malformedJSON)
    }

    @Test func aFailureIsAProblemAgain() throws {
        let failure = Failure(.runtimeRefused, "runc said no", step: .create(.taskCreate))
        let problem = try #require(Problem(failure, instance: "/v1/pods/web", operation: uid))
        #expect(failure.status == 422 && problem.status == 422)
        #expect(problem.code == .runtimeRefused && problem.detail == "runc said no")
        let odd = Failure(code: "unheard-of", status: 422, detail: "d")
        #expect(Problem(odd, instance: "/", operation: nil) == nil)
    }

    @Test(arguments: FailureCause.allCases)
    func aCauseIsItsCodeAndStatus(cause: FailureCause) {
        let failure = Failure(cause, "d")
        #expect(Self.contract[failure.code] == failure.status)
        #expect(Failure(code: failure.code, status: failure.status, detail: "d") == failure)
        // Another version may have had another status for the code.
        let other = Failure(code: failure.code, status: 418, detail: "d")
        #expect(other.code == failure.code && other.status == 418)
        #expect(Problem(other, instance: "/", operation: nil)?.code == ProblemCode(cause))
    }
}
