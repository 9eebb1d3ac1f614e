// Documents of the registry: manifests by tag or digest. Until the image's manifest is verified,
// every failure is an answer to the client; the hosts are asked in their order, once each.

import Bytes
import Hashing
import Images
import JSON

/// Bytes and the digest that they have.
struct VerifiedDocument {
    let bytes: [UInt8]
    let digest: Digest
}

extension Session {
    /// The manifest or index of a tag or a digest. The digest is always that of the bytes.
    func manifest(
        _ reference: ImageReference, from endpoints: [Endpoint]
    ) throws(FetchFailure) -> VerifiedDocument {
        if let digest = reference.digest { return try manifest(digest, from: endpoints) }
        let tag = reference.tag ?? "latest"
        return try firstAnswer(of: endpoints.filter { $0.host.capabilities.resolves }) {
            endpoint throws(FetchFailure) in
            let bytes = try self.document("manifests/\(tag)", of: endpoint)
            return VerifiedDocument(bytes: bytes, digest: SHA256.digest(of: bytes))
        }
    }

    /// The manifest or index with a digest. Bytes with another digest count as no answer.
    func manifest(
        _ digest: Digest, from endpoints: [Endpoint]
    ) throws(FetchFailure) -> VerifiedDocument {
        try firstAnswer(of: endpoints.filter { $0.host.capabilities.pulls }) {
            endpoint throws(FetchFailure) in
            let bytes = try self.document("manifests/\(digest.text)", of: endpoint)
            let found = SHA256.digest(of: bytes)
            guard found == digest else {
                throw FetchFailure(
                    .digestMismatch, "\(endpoint.host.url) gives \(found) for \(digest)")
            }
            return VerifiedDocument(bytes: bytes, digest: found)
        }
    }

    /// The last host is the registry itself, so its failure is the answer. The others' are told
    /// with it.
    private func firstAnswer<Value>(
        of endpoints: [Endpoint], _ ask: (Endpoint) throws(FetchFailure) -> Value
    ) throws(FetchFailure) -> Value {
        var failures: [FetchFailure] = []
        for endpoint in endpoints {
            do throws(FetchFailure) { return try ask(endpoint) } catch {
                if error.code == .canceled { throw error }
                failures.append(error)
            }
        }
        guard let last = failures.last else {
            throw FetchFailure(.settingsInvalid, "no host of the settings may be asked for this")
        }
        let others = failures.dropLast().map { "; \($0.detail)" }.joined()
        throw FetchFailure(last.code, last.detail + others, retryAfter: last.retryAfter)
    }

    private static let accepted = [
        MediaType.index, MediaType.dockerList, MediaType.manifest, MediaType.dockerManifest,
    ]

    private func document(_ path: String, of endpoint: Endpoint) throws(FetchFailure) -> [UInt8] {
        let place = "\(endpoint.host.url): \(path)"
        // Two challenges: the first may be for a token that has just expired.
        for _ in 0...2 {
            let generation = endpoint.generation
            let request = endpoint.request(path, accept: Session.accepted, stall: stall)
            let answer = try exchange(request, limit: documentLimit)
            if answer.isTooLarge && answer.status == 200 {
                throw FetchFailure(
                    .imageInvalid, "\(place): the manifest has more than \(documentLimit >> 20) MiB"
                )
            }
            guard answer.status == 401, !answer.isRedirected else {
                return try body(of: answer, place)
            }
            switch try endpoint.answer(answer.head, sentWith: generation, self) {
            case .renewed: continue
            case .refused(let why):
                throw FetchFailure(
                    .registryUnauthorized, "\(place): \(why)\(message(answer.body))")
            case .unavailable(let why, let retryAfter):
                throw FetchFailure(
                    .registryUnreachable, "\(place): \(why)", retryAfter: retryAfter)
            }
        }
        throw FetchFailure(.registryUnauthorized, "\(place): it asks again and again")
    }

    private func body(of answer: ExchangeAnswer, _ place: String) throws(FetchFailure) -> [UInt8] {
        switch answer.result {
        case .complete, .stopped: break
        case .untrusted(let why): throw FetchFailure(.registryRefused, "\(place): \(why)")
        case .broken(let why): throw FetchFailure(.registryUnreachable, "\(place): \(why)")
        }
        if let failure = failure(answer.status, answer.body, place, answer.retryAfter) {
            throw failure
        }
        guard answer.result == .complete else {
            throw FetchFailure(.registryUnreachable, "\(place): the answer's head is too large")
        }
        guard !answer.head.isHTML else {
            throw FetchFailure(
                .registryUnreachable, "\(place): the answer is HTML: something else than a registry"
            )
        }
        return answer.body
    }

    /// What a status means; `nil` for 200 and 206.
    func failure(
        _ status: Int, _ body: [UInt8], _ place: String, _ retryAfter: Int?
    ) -> FetchFailure? {
        let code: FetchFailure.Code
        switch status {
        case 200, 206: return nil
        case 401, 403: code = .registryUnauthorized
        case 404, 410: code = .imageUnknown
        case 429, 503: code = .registryBusy
        case 408, 425, 500...599: code = .registryUnreachable
        case _: code = .registryRefused
        }
        return FetchFailure(
            code, "\(place): answers \(status)\(message(body))", retryAfter: retryAfter)
    }

    /// The registry's own words (distribution-spec, "Error Codes").
    private func message(_ body: [UInt8]) -> String {
        do throws(JSONFault) {
            guard let first = try JSONValue.parse(body)["errors"]?.elements?.first else {
                return ""
            }
            let words = [first["code"]?.string, first["message"]?.string].compactMap { $0 }
            return ": " + quoted(words.joined(separator: ": "))
        } catch { return "" }
    }
}
