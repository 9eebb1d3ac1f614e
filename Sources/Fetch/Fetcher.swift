// A whole fetch: the documents, then the blobs.

import Bytes
import Images
import Kernel
import Linux

final class Fetcher {
    private let session: Session
    private let endpoints: [Endpoint]
    /// For manifests and configurations, each under its digest.
    private let documents: OwnedDescriptor
    private let ingest: OwnedDescriptor
    private let parallel: Int
    /// Whether the caller says which blobs it wants.
    private let awaitsPlan: Bool

    init(
        _ session: Session, _ endpoints: [Endpoint], documents: consuming OwnedDescriptor,
        ingest: consuming OwnedDescriptor, parallel: Int, awaitsPlan: Bool
    ) {
        self.session = session
        self.endpoints = endpoints
        self.documents = documents
        self.ingest = ingest
        self.parallel = parallel
        self.awaitsPlan = awaitsPlan
    }

    /// Returns when every wanted blob is whole.
    func run() throws(FetchFailure) {
        let manifest = try resolve()
        session.report.config = manifest.config.digest
        session.report.blobs = ([manifest.config] + manifest.blobs).map {
            FetchReport.Blob(descriptor: $0)
        }
        try fetch([manifest.config], into: documents)
        try checkConfiguration(of: manifest)
        let wanted = try wanted(of: manifest.blobs)
        session.report.state = .fetching
        try fetch(wanted, into: ingest)
    }

    /// The manifest of the image for the platform, by way of an index if there is one.
    private func resolve() throws(FetchFailure) -> ImageManifest {
        let top = try session.manifest(session.report.reference, from: endpoints)
        let document = try read(top.bytes, mediaType: nil)
        try store(top)
        session.report.top = top.digest
        let index: ImageIndex
        switch document {
        case .manifest(let manifest):
            session.report.manifest = top.digest
            return manifest
        case .index(let found): index = found
        }
        let entry = try interpreting { () throws(ImageFault) in
            try index.choose(session.report.platform)
        }.descriptor
        let found = try session.manifest(entry.digest, from: endpoints)
        guard Int64(found.bytes.count) == entry.size else {
            throw FetchFailure(.imageInvalid, "the index has another size for \(entry.digest)")
        }
        guard case .manifest(let manifest) = try read(found.bytes, mediaType: entry.mediaType)
        else {
            throw FetchFailure(.imageInvalid, "the index contains an index")
        }
        try store(found)
        session.report.manifest = found.digest
        return manifest
    }

    private func read(
        _ bytes: [UInt8], mediaType: String?
    ) throws(FetchFailure) -> ImageDocument {
        try interpreting { () throws(ImageFault) in
            try ImageDocument.read(bytes, mediaType: mediaType)
        }
    }

    private func store(_ document: VerifiedDocument) throws(FetchFailure) {
        try storing { () throws(SystemCallFailure) in
            try documents.replace(file: document.digest.hex, document.bytes)
        }
    }

    private func checkConfiguration(of manifest: ImageManifest) throws(FetchFailure) {
        let bytes = try storing { () throws(SystemCallFailure) in
            try documents.reading(file: manifest.config.digest.hex).readAll(
                limit: documentLimit + 1)
        }
        try interpreting { () throws(ImageFault) in
            try ImageConfig.read(bytes).check(manifest, on: session.report.platform)
        }
    }

    /// The blobs that the caller wants: all of them, unless it makes a plan.
    private func wanted(of blobs: [Descriptor]) throws(FetchFailure) -> [Descriptor] {
        guard awaitsPlan else { return blobs }
        session.report.state = .planning
        let plan = try session.plan()
        guard plan.isSubset(of: blobs.map(\.digest)) else {
            throw FetchFailure(.planInvalid, "the plan has a blob that the image does not have")
        }
        for place in session.report.blobs.indices.dropFirst()
        where !plan.contains(session.report.blobs[place].descriptor.digest) {
            session.report.blobs[place].state = .skipped
        }
        return blobs.filter { plan.contains($0.digest) }
    }

    private func fetch(
        _ blobs: [Descriptor], into directory: borrowing OwnedDescriptor
    ) throws(FetchFailure) {
        let number = directory.number
        let copy = try storing { () throws(SystemCallFailure) in
            try OwnedDescriptor.duplicating(number)
        }
        try BlobQueue(blobs, from: endpoints, into: copy, parallel: parallel, session).run()
    }
}

/// Makes a fault of the image a failure of the fetch.
private func interpreting<Value>(
    _ body: () throws(ImageFault) -> Value
) throws(FetchFailure) -> Value {
    do { return try body() } catch { throw FetchFailure(error) }
}
