// What the kernel counts for pods. It is read when a client asks and never otherwise, and counts
// for a second.

import EventLoop
import Host
package import Model

extension Engine {
    /// Reads what the kernel counts for these pods. Calls `done` on the loop's thread, in the order
    /// of `pods`; with `nil` if the kernel has not answered within a second.
    package func statistics(
        of pods: [Pod], _ done: @escaping @Sendable ([PodStatistics]?) -> Void
    ) {
        onLoop { done(await self.statisticsReader.read(pods, self.host)) }
    }
}

/// The last readings, and the reading in progress.
@Loop final class StatisticsReader {
    private var known: [UID: Reading] = [:]
    /// The pods of the next reading.
    private var wanted: [UID: Pod] = [:]
    private let flight = SingleFlight()

    private struct Reading {
        let statistics: PodStatistics
        /// CLOCK_BOOTTIME in nanoseconds.
        let readAt: Int64
    }

    /// Nanoseconds for which a reading counts, so that many clients need one helper.
    private static let validity: Int64 = 1_000_000_000

    nonisolated init() {}

    func read(_ pods: [Pod], _ host: any Host) async -> [PodStatistics]? {
        let askedAt = EngineClock.sinceBoot
        let due = pods.filter { !isKnown($0, at: askedAt) }
        if !due.isEmpty {
            for pod in due { wanted[pod.uid] = pod }
            await flight.run { await self.readWanted(host) }
        }
        let found = pods.compactMap { isKnown($0, at: askedAt) ? known[$0.uid]?.statistics : nil }
        return found.count == pods.count ? found : nil
    }

    /// Whether there is a reading of this state of the pod that was taken a second before
    /// `askedAt`, or later.
    private func isKnown(_ pod: Pod, at askedAt: Int64) -> Bool {
        guard let last = known[pod.uid] else { return false }
        return askedAt - last.readAt < StatisticsReader.validity
            && last.statistics.pod.revision >= pod.revision
    }

    private func readWanted(_ host: any Host) async {
        let pods = wanted.values.sorted { $0.uid < $1.uid }
        wanted = [:]
        guard !pods.isEmpty, let read = await host.statistics(of: pods) else { return }
        let now = EngineClock.sinceBoot
        for statistics in read {
            known[statistics.pod.uid] = Reading(statistics: statistics, readAt: now)
        }
        Loop.shared.reactor.after(milliseconds: 2000) { [weak self] in onLoop { self?.forget() } }
    }

    /// Forgets what no longer counts.
    private func forget() {
        let now = EngineClock.sinceBoot
        known = known.filter { now - $0.value.readAt < StatisticsReader.validity }
    }
}
