// The ends of plugins: success, and each kind of failure in words.

import Testing

@testable import CNI

@Suite struct OutputTests {
    private func end(
        _ stdout: String, code: Int32 = 0, stderr: String = "", isCut: Bool = false
    ) -> PluginOutput {
        PluginOutput(
            end: .exited(code: code), stdout: bytes(stdout), stderr: bytes(stderr), isCut: isCut)
    }

    private func failure(
        _ output: PluginOutput, of verb: (PluginOutput) throws(PluginFailure) -> Void
    ) -> PluginFailure? {
        do throws(PluginFailure) { try verb(output) } catch { return error }
        return nil
    }

    private func addFailure(_ output: PluginOutput) throws -> PluginFailure? {
        let asked = try version("1.0.0")
        return failure(output) { output throws(PluginFailure) in _ = try output.added(asked: asked)
        }
    }

    @Test("an error document tells its code in words")
    func reported() throws {
        let output = end(
            #"{"code": 11, "msg": "busy", "details": "ask again"}"#, code: 1, stderr: "noise")
        let failure = try addFailure(output)
        let error = PluginError(code: 11, message: "busy", details: "ask again")
        #expect(failure == .reported(error) && error.reason == .tryAgainLater)
        #expect(
            failure?.detail
                == "the plugin asks to try again later (code 11): busy: ask again")
        let own = PluginError(code: 999, message: "no bridge")
        #expect(own.reason == nil && own.detail == "code 999: no bridge")
    }

    @Test("each well-known code has its number and its words")
    func reasons() {
        #expect(
            PluginErrorReason.allCases.map(\.rawValue) == [1, 2, 3, 4, 5, 6, 7, 11, 50, 51])
        #expect(Set(PluginErrorReason.allCases.map(\.words)).count == 10)
    }

    @Test("an error document on standard error, or after code 0, is no success")
    func elsewhere() throws {
        let document = #"{"code":7,"msg":"m"}"#
        let expected = PluginFailure.reported(PluginError(code: 7, message: "m"))
        #expect(try addFailure(end("", code: 1, stderr: document)) == expected)
        #expect(try addFailure(end(document)) == expected)
        #expect(
            failure(end(document)) { output throws(PluginFailure) in try output.succeeded() }
                == expected)
    }

    @Test("a failure without a document tells the code and an excerpt of both streams")
    func unexplained() throws {
        let failure = try #require(
            try addFailure(end("half\n{", code: 2, stderr: String(repeating: "x", count: 600))))
        #expect(failure.detail.contains("code 2") && failure.detail.contains("output: half {"))
        #expect(failure.detail.utf8.count < 800)
        let silent = try addFailure(end("", code: 3))
        #expect(silent?.detail == "the plugin exited with code 3 and no error document")
    }

    @Test("a killed plugin is no success, whatever it has written")
    func killed() throws {
        let output = PluginOutput(end: .killed(signal: 9), stdout: bytes("{}"))
        #expect(try addFailure(output) == .killed(signal: 9))
    }

    @Test("an ADD without a result, and one without JSON, is no success")
    func noResult() throws {
        #expect(try addFailure(end(" \n", stderr: "w")) == .noOutput(stderr: "w"))
        guard case .notJSON = try addFailure(end("{")) else {
            Issue.record("half a document is taken")
            return
        }
        #expect(
            failure(end("ok")) { output throws(PluginFailure) in try output.succeeded() } == nil)
    }

    @Test("too much output is told, and is not parsed")
    func tooMuch() throws {
        let expected = PluginFailure.tooMuchOutput(limit: 4 << 20)
        #expect(try addFailure(end("{}", isCut: true)) == expected)
        let large = PluginOutput(
            end: .exited(code: 0), stdout: Array(repeating: 0x20, count: (4 << 20) + 1))
        #expect(try addFailure(large) == expected)
    }

    @Test("VERSION's answer is the versions that both sides know")
    func versions() throws {
        let output = end(
            #"{"cniVersion":"1.1.0","supportedVersions":["1.0.0","0.1.0","0.4.0","1.9.0","x"]}"#)
        #expect(try output.versions().map(\.description) == ["0.4.0", "1.0.0"])
        for bad in ["{}", #"{"supportedVersions":"1.0.0"}"#, #"{"supportedVersions":[1]}"#] {
            #expect(throws: PluginFailure.self) { try end(bad).versions() }
        }
    }
}

@Suite struct VersionChoiceTests {
    private func choose(
        _ permitted: String, _ supported: [String: [String]]
    ) throws -> CNIVersion {
        let network = try parsed(
            #"{"cniVersions":\#(permitted),"name":"n","plugins":["#
                + #"{"type":"a","ipam":{"type":"i"}},{"type":"b"}]}"#
        )
        return try network.chooseVersion(supported: supported.mapValues { try $0.map(version) })
    }

    @Test("the highest version that all support is chosen, IPAM plugins included")
    func highest() throws {
        let all = ["0.4.0", "1.0.0", "1.1.0"]
        let permitted = #"["0.4.0","1.0.0","1.1.0"]"#
        #expect(try choose(permitted, ["a": all, "b": all, "i": all]) == version("1.1.0"))
        #expect(try choose(permitted, ["a": all, "b": all, "i": ["1.0.0"]]) == version("1.0.0"))
        #expect(
            try choose(permitted, ["a": all, "b": ["0.4.0", "1.1.0"], "i": ["0.4.0", "1.0.0"]])
                == version("0.4.0"))
    }

    @Test("no common version is told, with the plugins that lack one")
    func conflict() throws {
        let conflict = #expect(throws: VersionConflict.self) {
            try choose(#"["1.1.0"]"#, ["a": ["1.1.0"], "b": ["1.0.0"]])
        }
        #expect(
            conflict?.detail
                == "the configuration permits CNI 1.1.0, but b supports 1.0.0, i supports none")
    }
}
