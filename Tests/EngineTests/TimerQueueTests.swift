import Simulation
import Synchronization
import Testing

@testable import Engine
@testable import EventLoop

struct TimerQueueTests {
    @Test("timers fire in the order of their times, and equal times in the order of setting")
    func order() {
        var dice = Dice(seed: 7)
        var queue = TimerQueue()
        let fired = Mutex<[Int]>([])
        var set: [(at: Int64, number: Int)] = []
        for number in 0..<2000 {
            let at = Int64(dice.below(300))
            set.append((at, number))
            queue.add(at: at) { fired.withLock { $0.append(number) } }
        }
        for now in stride(from: Int64(0), through: 300, by: 50) {
            while let timer = queue.take(dueAt: now) {
                #expect(timer.at <= now)
                timer.fire()
            }
            #expect(queue.next.map { $0 > now } ?? true)
        }
        let expected = set.sorted { ($0.at, $0.number) < ($1.at, $1.number) }.map(\.number)
        #expect(fired.withLock { $0 } == expected)
        #expect(queue.next == nil)
    }
}
