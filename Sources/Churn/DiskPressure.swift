// Load on the disk by fio, bounded in rate and in bytes, and ended with the run.

import Kernel
import Linux

final class DiskPressure: Sendable {
    private static let writers = 4
    /// The size of each writer's file in MiB.
    private static let fileSize = 256

    private let child: Child
    private let directory: String

    /// Why fio cannot run; `nil` if it can.
    static func obstacle(below directory: String) -> RunFailure? {
        guard Program.find("fio") != nil else {
            return RunFailure("--disk-pressure needs fio, which is not installed (apt install fio)")
        }
        let needed = UInt64(writers * fileSize + 1024) << 20  // leaves 1 GiB for other users
        do {
            let free = try Files.freeBytes(at: directory)
            guard free < needed else { return nil }
            return RunFailure(
                """
                --disk-pressure needs \(Figure.bytes(Double(needed))) below \(directory), where \
                \(Figure.bytes(Double(free))) are free; name another --dir
                """)
        } catch { return RunFailure("--dir: \(error)") }
    }

    /// `seconds` bounds fio even if no process is left to end it. fio gets no `--time_based`,
    /// because it would then ignore the limit on its bytes.
    init(
        _ settings: PressureSettings, in stage: Stage, seconds: Double
    ) throws(RunFailure) {
        directory = stage.home + "/pressure"
        let share = max(1, settings.rate / DiskPressure.writers)
        let bytes = max(1, settings.bytes * 1024 / DiskPressure.writers)
        let words = [
            Program.find("fio") ?? "fio", "--name=pressure", "--directory=\(directory)",
            "--rw=randwrite", "--bs=64k", "--size=\(DiskPressure.fileSize)m",
            "--io_size=\(bytes)m", "--numjobs=\(DiskPressure.writers)", "--thread",
            "--ioengine=psync", "--fsync=8", "--rate=,\(share)m",
            "--runtime=\(Int(seconds))",
        ]
        do {
            try Files.makeDirectories(directory)
            child = try Child(words, output: stage.home + "/fio.log")
        } catch { throw RunFailure("fio: \(error)") }
    }

    var hasEnded: Bool { child.hasEnded }

    func putAway() {
        child.kill()
        ignoring("it goes with the run's directory") { () throws(SystemCallFailure) in
            try Tree.remove("pressure", in: Files.parent(of: directory) ?? "/")
        }
    }
}
