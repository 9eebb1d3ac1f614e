// The command line. It is read by hand, because a library for that takes 4 MB of the 16 that a
// fetch may have.

import Bytes
import Images
import Linux

/// What the words of a command line ask for.
package enum FetchCommand: Sendable {
    case fetch(FetchSettings)
    case help

    /// `words`: without the program's name. Throws a sentence about the first wrong word.
    package static func parse(_ words: [String]) throws(FetchUsage) -> FetchCommand {
        var rest = words[...]
        var options: [(name: String, value: String)] = []
        var references: [String] = []
        var awaitsPlan = false
        while let word = rest.popFirst() {
            switch word {
            case "--help", "-h": return .help
            case "--await-plan": awaitsPlan = true
            case _ where word.begins(with: "--"):
                let (name, value) = word.cut("=") ?? (word, rest.popFirst() ?? "")
                guard !value.isEmpty else { throw FetchUsage("\(name) needs a value") }
                options.append((name, value))
            case _: references.append(word)
            }
        }
        guard references.count == 1 else {
            throw FetchUsage("one image reference is needed, not \(references.count)")
        }
        var settings = FetchSettings(reference: try reference(references[0]))
        settings.awaitsPlan = awaitsPlan
        for (name, value) in options { try settings.set(name, value) }
        return .fetch(settings)
    }

    private static func reference(_ text: String) throws(FetchUsage) -> ImageReference {
        do { return try ImageReference(text) } catch {
            throw FetchUsage("'\(text)' is no image reference: \(error.detail)")
        }
    }
}

/// Why a command line is refused.
package struct FetchUsage: Error, Equatable, Sendable {
    package let detail: String

    init(_ detail: String) { self.detail = detail }
}

extension FetchSettings {
    fileprivate mutating func set(_ name: String, _ value: String) throws(FetchUsage) {
        switch name {
        case "--platform":
            guard let platform = Platform(value) else {
                throw FetchUsage("'\(value)' is no platform: os/architecture[/variant]")
            }
            self.platform = platform
        case "--user": user = try identity(value)
        case "--parallel": parallel = try number(name, value, 1...64)
        case "--stall": stall = try number(name, value, 1...3600)
        case "--registries": registries = value
        case "--registry-auth": authFile = value
        case "--lock": lock = try descriptor(name, value)
        case "--ingest": ingest = try descriptor(name, value)
        case "--documents": documents = try descriptor(name, value)
        case "--state": state = try descriptor(name, value)
        case _: throw FetchUsage("there is no option \(name)")
        }
    }

    private func number(
        _ name: String, _ value: String, _ range: ClosedRange<Int>
    ) throws(FetchUsage) -> Int {
        guard let number = value.utf8.decimal(Int.self), range.contains(number) else {
            throw FetchUsage(
                "\(name) is not a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    private func descriptor(_ name: String, _ value: String) throws(FetchUsage) -> CInt {
        CInt(try number(name, value, 3...1023))
    }

    private func identity(_ value: String) throws(FetchUsage) -> UserIdentity {
        guard let (user, group) = value.cut(":"), let uid = user.utf8.decimal(UInt32.self),
            let gid = group.utf8.decimal(UInt32.self), uid > 0, gid > 0, uid < .max, gid < .max
        else { throw FetchUsage("'\(value)' is not uid:gid, or has root's id") }
        return UserIdentity(uid: uid, gid: gid)
    }
}

/// For `--help`.
package let fetchHelp = """
    OVERVIEW: Fetches the documents and blobs of an image from a registry.

    USAGE: staunch-fetch [OPTION …] REFERENCE

    REFERENCE is the image, such as busybox:1.36 or registry:5000/team/app@sha256:….

      --platform OS/ARCHITECTURE[/VARIANT]  this machine's
      --parallel COUNT        how many blobs are fetched at a time (4)
      --stall SECONDS         without a byte for that long, a connection is made anew (30)
      --registries DIR        settings: HOST/hosts.toml, or certificates as Docker has them
                              (/etc/staunch/certs.d)
      --registry-auth FILE    credentials, as Docker's config.json (/etc/staunch/auth.json)
      --user UID:GID          what the process becomes, if it is root, before it opens a socket
                              (65534:65534)
      --await-plan            fetch the blobs that the file plan names, as soon as it exists
      --lock FD               a file to lock (3)
      --ingest FD             the directory for blobs (4)
      --documents FD          the directory for manifests and configurations (5)
      --state FD              the directory of progress, result and plan (6)

    Descriptors lead to everything that is written, so no path is opened after the process has
    become --user. The directories must be this fetch's alone: they are given to that user.

      ingest     HEX.part while a blob grows, HEX once its digest was seen to fit. The same
                 command continues an interrupted fetch.
      documents  the index, the manifest and the configuration, each as HEX
      state      progress   JSON, replaced at most five times a second
                 result     the same document, at the end
                 plan       from the caller, with --await-plan, once the progress has the state
                            "planning": {"fetch": ["sha256:…", …]}, renamed to this name

    Standard input is read to its end: nothing, or one of

      {"credentials": {"username": "…", "password": "…"}}
      {"credentials": {"token": "…"}}            an access token of the registry
      {"credentials": {"identityToken": "…"}}    a refresh token of its token server

    Without them --registry-auth is read, and its credential helpers are asked. Proxies come from
    http_proxy, https_proxy, all_proxy and no_proxy.

    Once the manifest is verified, cuts, stalls, 429 and 5xx are waited out for as long as it
    takes. Only a refusal by every host, wrong content, a full disk or a signal ends the fetch.
    SIGTERM cancels it; what was fetched stays, for the caller to remove.

    EXAMPLE
      mkdir ingest documents state
      staunch-fetch busybox 3>lock 4<ingest 5<documents 6<state </dev/null; cat state/result

    EXIT CODES
       0  the image is there
       1  it is not; the result has the code and the reason
       3  canceled by a signal
      64  wrong arguments, descriptors or standard input; there is no result
      70  the result cannot be written
      75  another process has the lock; there is no result

    """
