// The files by which the fetcher and its caller speak: `progress` and `result` from here, `plan`
// from there.
//
// Each is written whole under another name and then renamed. A fixed record in one file would be
// cheaper, but a reader could see half of an update, or needs a lock that a killed writer leaves;
// and the reasons of 500 blobs have no fixed size. On tmpfs a rename costs some microseconds.

import Bytes
import Images
import JSON
import Kernel
import Linux

struct StateDirectory: ~Copyable {
    private let directory: OwnedDescriptor
    private var lastWrite: Int64?
    private var lastProgress: [UInt8] = []

    /// Nanoseconds between two writes of the progress: five in a second.
    private static let interval: Int64 = 200_000_000

    init(_ directory: consuming OwnedDescriptor) { self.directory = directory }

    /// Milliseconds until the progress may be written again; 0 if it may be written now.
    var pause: Int {
        guard let lastWrite else { return 0 }
        let left = lastWrite + StateDirectory.interval - SystemClock.sinceBoot
        return left > 0 ? Int(left / 1_000_000) + 1 : 0
    }

    /// A write that fails loses one update: the next one has the same facts.
    mutating func write(progress report: FetchReport) {
        lastWrite = SystemClock.sinceBoot
        let bytes = report.bytes
        guard bytes != lastProgress else { return }
        lastProgress = bytes
        ignoring("the next progress has the same facts") { () throws(SystemCallFailure) in
            try directory.replace(file: "progress", bytes)
        }
    }

    func write(result report: FetchReport) throws(SystemCallFailure) {
        try directory.replace(file: "result", report.bytes)
    }

    /// From now on a new name in the directory is a signal (SIGIO). `false` if the kernel cannot.
    func notify() -> Bool { directory.notifyOfNames() }

    /// The digests that the caller wants: `{"fetch": ["sha256:…"]}`; `nil` if there is no plan yet.
    func plan() throws(FetchFailure) -> Set<Digest>? {
        let bytes: [UInt8]
        do {
            bytes = try directory.reading(file: "plan").readAll(limit: documentLimit)
        } catch {
            if error.errnoName == "ENOENT" { return nil }
            throw FetchFailure(.planInvalid, "\(error)")
        }
        return try StateDirectory.plan(bytes)
    }

    static func plan(_ bytes: [UInt8]) throws(FetchFailure) -> Set<Digest> {
        let value: JSONValue
        do { value = try JSONValue.parse(bytes) } catch {
            throw FetchFailure(.planInvalid, "the plan: \(error.detail)")
        }
        let digests = value["fetch"]?.strings?.map { Digest($0) } ?? [nil]
        guard !digests.contains(nil) else {
            throw FetchFailure(.planInvalid, "fetch of the plan is not a list of digests")
        }
        return Set(digests.compactMap(\.self))
    }
}
