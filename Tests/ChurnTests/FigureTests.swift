// Numbers as shown: texts, scales, latencies.

import Churn
import Testing

@Suite struct FigureTests {
    @Test(
        "seconds are shown in a fitting unit",
        arguments: [
            (0.0000123, "12.3 µs"), (0.000999, "999 µs"), (0.0123, "12.3 ms"), (0.123, "123 ms"),
            (1.5, "1.50 s"), (90, "90.0 s"), (150, "2.5 min"), (0, "0.00 µs"),
        ])
    func seconds(_ number: Double, _ text: String) { #expect(Figure.seconds(number) == text) }

    @Test(
        "bytes are shown in a fitting unit",
        arguments: [
            (512, "512 B"), (2048, "2.00 KiB"), (13_000_000, "12.4 MiB"), (3e9, "2.79 GiB"),
        ])
    func bytes(_ number: Double, _ text: String) { #expect(Figure.bytes(number) == text) }

    @Test(
        "numbers are rounded to fixed digits",
        arguments: [
            (1.005, 1, "1.0"), (1.25, 1, "1.3"), (0.04, 1, "0.0"), (-0.04, 1, "0.0"),
            (-1.26, 1, "-1.3"), (9.999, 2, "10.00"), (3, 0, "3"), (.nan, 1, "–"),
        ])
    func fixed(_ number: Double, _ digits: Int, _ text: String) {
        #expect(Figure.fixed(number, digits) == text)
    }

    @Test(
        "a duration is shown as a clock",
        arguments: [(5.9, "0:05"), (65, "1:05"), (3725, "1:02:05")])
    func clock(_ number: Double, _ text: String) { #expect(Figure.clock(number) == text) }

    @Test("an axis covers its values in few, round steps")
    func axes() {
        for most in [0.3, 1, 7, 42, 99, 1000, 123_456, 14e6] {
            let scale = Scale.upTo(most)
            #expect(scale.high >= most && scale.high <= most * 2.6, "\(most)")
            #expect((3...7).contains(scale.ticks.count), "\(most): \(scale.ticks)")
            #expect(scale.place(scale.high) == 1 && scale.place(0) == 0)
        }
        #expect(Scale.upTo(42).ticks == [0, 20, 40, 60])
        #expect(Scale.time(1800).ticks.count <= 9)
        #expect(Scale.time(150).ticks == [0, 30, 60, 90, 120, 150])
        let decades = Scale.decades(0.0013, 0.7)
        #expect(decades.ticks.count == 4 && decades.place(0.001) == 0 && decades.place(1) == 1)
        #expect(abs(decades.place(0.01) - 1.0 / 3) < 1e-9)
    }

    @Test("an axis of memory has round binary numbers")
    func binaryAxes() {
        let mebibyte = 1_048_576.0
        #expect(
            Scale.upTo(13 * mebibyte, unit: .bytes).ticks == [0, 5, 10, 15].map { $0 * mebibyte })
        #expect(
            Scale.upTo(180 * 1024, unit: .bytes).ticks == [0, 50, 100, 150, 200].map { $0 * 1024 })
    }

    @Test("latencies keep their percentiles, and every latency is in a bar")
    func latencies() throws {
        var latencies = Latencies()
        for number in 1...1000 { latencies.record(.create, seconds: Double(number) / 1000) }
        let found = try #require(latencies.summary(.create))
        #expect(found.count == 1000)
        #expect(abs(found.p50 - 0.5) < 0.001)
        #expect(abs(found.p90 - 0.9) < 0.001)
        #expect(abs(found.p99 - 0.99) < 0.001)
        #expect(abs(found.most - 1) < 0.001)
        #expect(found.bars.reduce(0) { $0 + $1.count } == 1000)
        #expect(found.bars.allSatisfy { $0.start < $0.end })
        #expect(latencies.summary(.delete) == nil)
    }

    @Test("metrics are summed over their labels")
    func metrics() {
        let values = MetricValues(
            """
            # HELP staunch_operations_running Operations
            staunch_operations_running{kind="pod.create"} 2
            staunch_operations_running{kind="pod.delete"} 3
            process_open_fds 41
            process_resident_memory_bytes 1.3e+07
            """)
        #expect(values.sum("staunch_operations_running") == 5)
        #expect(values.sum("process_open_fds") == 41)
        #expect(values.sum("process_resident_memory_bytes") == 13e6)
        #expect(values.sum("nothing") == nil)
    }
}
