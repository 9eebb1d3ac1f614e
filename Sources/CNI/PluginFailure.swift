// The reasons for which a plugin did not do what it was asked, in words.

package import JSON

/// Why a plugin's process is no success.
package enum PluginFailure: Error, Equatable, Sendable {
    /// The plugin explained its failure.
    case reported(PluginError)
    /// The plugin failed without an error document. The texts are excerpts.
    case unexplained(code: Int32, output: String, stderr: String)
    case killed(signal: Int32)
    case tooMuchOutput(limit: Int)
    case noOutput(stderr: String)
    case notJSON(JSONFault)
    /// The result has a value of another kind than the specification's.
    case malformed(pointer: JSONPointer, detail: String)
    /// The result has a version that Staunch does not read.
    case otherVersion(answered: String, asked: CNIVersion)

    /// For people: one sentence.
    package var detail: String {
        switch self {
        case .reported(let error): error.detail
        case .unexplained(let code, let output, let stderr):
            said("the plugin exited with code \(code) and no error document", output, stderr)
        case .killed(let signal): "signal \(signal) killed the plugin"
        case .tooMuchOutput(let limit):
            "the plugin wrote more than \(limit) bytes to standard output"
        case .noOutput(let stderr):
            said("the plugin succeeded but wrote no result", "", stderr)
        case .notJSON(let fault): "the plugin's result is not JSON: \(fault.detail)"
        case .malformed(let pointer, let detail):
            "the plugin's result is malformed at '\(pointer)': \(detail)"
        case .otherVersion(let answered, let asked):
            "the plugin was asked in CNI \(asked) and answered in '\(answered)'"
        }
    }

    private func said(_ what: String, _ output: String, _ stderr: String) -> String {
        let texts = [("output", output), ("standard error", stderr)].filter { !$0.1.isEmpty }
        return ([what] + texts.map { "\($0.0): \($0.1)" }).joined(separator: "; ")
    }
}

/// The error document of a plugin (SPEC.md section 5, "Error").
package struct PluginError: Equatable, Sendable {
    package let code: Int64
    package let message: String
    package let details: String

    package init(code: Int64, message: String, details: String = "") {
        (self.code, self.message, self.details) = (code, message, details)
    }

    /// `nil` unless the bytes are an object with a code that is not 0. Other kinds of values in the
    /// other members are passed over: the failure is more important than its form.
    init?(document: [UInt8]) {
        guard document.count <= PluginOutput.byteLimit else { return nil }
        do throws(JSONFault) {
            let value = try JSONValue.parse(document)
            guard let code = value["code"]?.integer, code != 0 else { return nil }
            self.init(
                code: code, message: excerpt(value["msg"]?.string ?? ""),
                details: excerpt(value["details"]?.string ?? ""))
        } catch {
            return nil
        }
    }

    package var reason: PluginErrorReason? { PluginErrorReason(rawValue: code) }

    /// For people: the plugin's words, with the meaning of a well-known code.
    package var detail: String {
        let meaning = reason.map { "\($0.words) (code \(code))" } ?? "code \(code)"
        return [message, details].filter { !$0.isEmpty }.reduce(meaning) { "\($0): \($1)" }
    }
}

/// The codes that the specification defines.
package enum PluginErrorReason: Int64, Sendable, CaseIterable {
    case incompatibleVersion = 1
    case unsupportedField = 2
    /// The container is unknown. No DEL is required.
    case unknownContainer = 3
    case invalidEnvironment = 4
    case inputOutput = 5
    case undecodable = 6
    case invalidConfiguration = 7
    case tryAgainLater = 11
    /// STATUS: the plugin cannot serve an ADD.
    case notAvailable = 50
    /// STATUS: the same, and pods that are attached may be cut off.
    case limitedConnectivity = 51

    package var words: String {
        switch self {
        case .incompatibleVersion: "the plugin does not support the version"
        case .unsupportedField: "the plugin does not support a member of its configuration"
        case .unknownContainer: "the plugin does not know the pod"
        case .invalidEnvironment: "the plugin refuses a variable of its environment"
        case .inputOutput: "the plugin could not read or write"
        case .undecodable: "the plugin could not decode its input"
        case .invalidConfiguration: "the plugin refuses its configuration"
        case .tryAgainLater: "the plugin asks to try again later"
        case .notAvailable: "the plugin cannot attach pods now"
        case .limitedConnectivity:
            "the plugin cannot attach pods now, and attached pods may have limited connectivity"
        }
    }
}
