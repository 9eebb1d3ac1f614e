// The questions to the daemon besides the churn itself: before the first pod, and after the last.

import Client
import JSON
import Linux

struct Watch {
    private let client: HTTPClient
    private let endpoint: Endpoint
    private let prefix: String

    init(_ endpoint: Endpoint, prefix: String) {
        client = HTTPClient(endpoint)
        self.endpoint = endpoint
        self.prefix = prefix
    }

    /// Throws if no server answers, or if the daemon lacks features that the mix needs.
    func expectModes(_ mix: Mix) throws(RunFailure) {
        let server: JSONValue
        do { server = try client.send(Request("GET", "/v1", patience: 10)).json() } catch {
            throw RunFailure("\(endpoint): \(error)")
        }
        guard server["name"]?.string == "staunch" else {
            throw RunFailure("\(endpoint): this is no Staunch")
        }
        let modes = server["networkModes"]?.strings ?? []
        for workload in mix.workloads where !modes.contains(workload.network.rawValue) {
            throw RunFailure("\(endpoint): has no network mode '\(workload.network.rawValue)'")
        }
    }

    /// The revision after which the events are followed.
    var revision: Int64 { document("/v1/pods?limit=1")?["revision"]?.integer ?? 0 }

    /// Deletes the pods of this run that still exist; there are some only after an interrupted run.
    func deleteLeftovers(_ statistics: RunStatistics) {
        let pods = document("/v1/pods?limit=1000")?["items"]?.elements ?? []
        let names = pods.compactMap { $0["name"]?.string }.filter { $0.hasPrefix(prefix + "-") }
        for name in names {
            let request = Request(
                "DELETE", "/v1/pods/\(name)?grace=0&allowMissing=true",
                headers: [("Prefer", "wait=60")], patience: 90)
            do { _ = try client.send(request) } catch {
                statistics.surprise("DELETE \(name): \(error)")
            }
        }
    }

    /// Deletes the networks of the run's own daemon, which otherwise keeps them for some seconds.
    func deleteNetworks(_ statistics: RunStatistics) {
        // The networks of files (CNI) are not the daemon's.
        let networks = (document("/v1/networks?limit=1000")?["items"]?.elements ?? [])
            .filter { $0["mode"]?.string == "bridge" }
        for name in networks.compactMap({ $0["name"]?.string }) {
            let request = Request(
                "DELETE", "/v1/networks/\(name)?allowMissing=true",
                headers: [("Prefer", "wait=60")], patience: 90)
            do {
                let answer = try client.send(request)
                guard answer.status == 204 || answer.status == 200 else {
                    statistics.surprise("DELETE \(name): \(answer.status) \(answer.text)")
                    continue
                }
            } catch { statistics.surprise("DELETE \(name): \(error)") }
        }
    }

    /// Reads the audit and the open operations after all deletes. Objects that other clients of a
    /// shared daemon own are not counted.
    func look(_ findings: inout Findings) {
        do {
            for line in try Account.fresh(client) {
                findings.orphans += line.unrecorded.map { "\(line.kind): \($0)" }
                findings.orphans += line.missing.map { "\(line.kind): \($0) is missing" }
            }
        } catch {
            findings.isAnswering = false
            findings.surprises.append("the audit: \(error)")
        }
        for state in ["pending", "running", "canceling"] {
            let list = document("/v1/operations?limit=1000&state=\(state)")
            guard let items = list?["items"]?.elements else {
                findings.isAnswering = false
                findings.surprises.append("no list of the operations that are \(state)")
                continue
            }
            for item in items {
                let pod = item["target"]?["name"]?.string ?? "?"
                guard pod.hasPrefix(prefix + "-") else { continue }
                let what = "\(item["kind"]?.string ?? "?") of \(pod)"
                let why = item["stalled"]?["why"]?.string ?? state
                findings.openOperations.append("\(what): \(why)")
            }
        }
    }

    private func document(_ target: String) -> JSONValue? {
        do { return try client.send(Request("GET", target, patience: 30)).json() } catch {
            return nil
        }
    }
}
