//  Decodes limits from a request.

import Model

extension Field {
    /// `pids` is the default if the object has no such member.
    func resources(pids: Int64? = nil) -> Resources? {
        guard var object = object() else { return nil }
        let resources = Resources(
            memory: object.take("memory")?.memory(),
            milliCPUs: object.take("cpus")?.milliCPUs(),
            pids: object.take("pids").map { $0.pids() } ?? pids)
        object.end()
        return resources
    }

    /// Bytes.
    func memory() -> Int64? {
        guard let bytes = integer(in: .min...(.max)) else { return nil }
        guard bytes >= DocumentLimits.leastMemory else {
            refuse("no process can start under \(DocumentLimits.leastMemory) bytes")
            return nil
        }
        return bytes
    }

    func milliCPUs() -> Int64? { thousandths(in: DocumentLimits.cpus) }

    func pids() -> Int64? { integer(in: 1...DocumentLimits.mostPids) }

    /// Seconds in the document, milliseconds in the result.
    func grace() -> Int64? { thousandths(in: DocumentLimits.grace) }
}
