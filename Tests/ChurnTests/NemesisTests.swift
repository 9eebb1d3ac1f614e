// When a process is due to be killed.

import Churn
import Testing

@Suite struct NemesisTests {
    @Test("each kind of kill has its own interval")
    func paces() {
        var schedule = NemesisSchedule([
            KillOrder(.daemon, every: 20), KillOrder(.shim, every: 30),
        ])
        var kills: [String] = []
        for second in 0...120 {
            for victim in schedule.due(at: Double(second)) {
                kills.append("\(victim.rawValue) \(second)")
            }
        }
        #expect(
            kills == [
                "daemon 20", "shim 30", "daemon 40", "daemon 60", "shim 60", "daemon 80", "shim 90",
                "daemon 100", "daemon 120", "shim 120",
            ])
    }

    @Test("missed intervals cause one kill")
    func missed() {
        var schedule = NemesisSchedule([KillOrder(.any, every: 1)])
        #expect(schedule.due(at: 0.5) == [])
        #expect(schedule.due(at: 7.5) == [.any])
        #expect(schedule.due(at: 7.9) == [])
        #expect(schedule.due(at: 8.1) == [.any])
    }
}
