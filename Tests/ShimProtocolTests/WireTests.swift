// A message arrives as it was sent. Anything else is a fault: never a crash, and never a message
// with another meaning.

import Kernel
import ShimProtocol
import Testing

/// Returns `true` if an accepted packet has a meaning, and keeps it when it is sent on.
private func isSound(_ packet: [UInt8]) -> Bool {
    isSoundRequest(packet) && isSoundMessage(packet)
}

private func isSoundRequest(_ packet: [UInt8]) -> Bool {
    do throws(WireFault) {
        let (_, id, request) = try ShimRequest.parse(packet)
        let again = try ShimRequest.parse(request.packet(id: id))
        return again.id == id && again.request == request
    } catch { return !error.detail.isEmpty }
}

private func isSoundMessage(_ packet: [UInt8]) -> Bool {
    do throws(WireFault) {
        let (version, message) = try ShimMessage.parse(packet)
        return try ShimMessage.parse(message.packet(version)).message == message
    } catch { return !error.detail.isEmpty }
}

private func parse(_ packet: [UInt8], isRequest: Bool) throws(WireFault) {
    if isRequest { _ = try ShimRequest.parse(packet) } else { _ = try ShimMessage.parse(packet) }
}

private func fault(_ packet: [UInt8], isRequest: Bool) -> WireFault? {
    do throws(WireFault) {
        try parse(packet, isRequest: isRequest)
        return nil
    } catch { return error }
}

@Suite struct RoundTrips {
    @Test("every request is decoded unchanged", arguments: [0, 1, .max] as [UInt32])
    func requests(id: UInt32) throws {
        for request in Samples.requests {
            let arrived = try ShimRequest.parse(request.packet(id: id))
            #expect(arrived.id == id)
            #expect(arrived.request == request)
        }
    }

    @Test("every message is decoded unchanged")
    func messages() throws {
        for message in Samples.messages + Samples.newMessages {
            #expect(try ShimMessage.parse(message.packet()).message == message)
        }
    }

    @Test("a request for statistics and its answer are decoded unchanged")
    func statistics() throws {
        let request = WireStatisticsRequest(
            cgroups: [
                CgroupQuery(
                    path: "/p", own: "/o", hasChildren: true, hasCPULimit: true,
                    hasMemoryLimit: false)
            ],
            interfaces: ["v1"], namespaces: [ProcessIdentity(pid: 7, startTicks: 8)])
        #expect(try WireStatisticsRequest.parse(document: request.document()) == request)
        var cgroup = CgroupStatistics()
        for (index, statistic) in CgroupStatistic.allCases.enumerated() where index % 2 == 0 {
            cgroup[statistic] = UInt64(index)
        }
        cgroup.devices = [DeviceStatistics(device: "/dev/vda")]
        let direction = InterfaceStatistics.Direction(
            bytes: 1, packets: .max, errors: 3, dropped: 4)
        let interface = InterfaceStatistics(name: "e", received: direction, sent: direction)
        let answer = WireStatistics(
            cgroups: [cgroup, CgroupStatistics()], interfaces: [interface, nil],
            namespaces: [[], [interface]])
        #expect(try WireStatistics.parse(document: answer.document()) == answer)
        for count in 0..<answer.document().count {
            #expect(throws: WireFault.self) {
                try WireStatistics.parse(document: Array(answer.document().prefix(count)))
            }
        }
    }

    /// An older shim reads only the older versions, and refuses the others.
    @Test(
        "a task's mount points and targets are decoded whole and unchanged",
        arguments: [
            (1, WireMount(target: "/c", source: "/c")),
            (2, WireMount(target: "/c", source: "/c", create: true)),
            (3, WireMount(target: "/c", source: "/c", sharedBy: "/tasks/a")),
        ] as [(UInt8, WireMount)])
    func places(version: UInt8, last: WireMount) throws {
        for text in Samples.texts {
            let places = TaskPlaces(
                cwd: text,
                mounts: [
                    WireMount(target: text, source: nil), WireMount(target: "/b", source: text),
                    last,
                ])
            let content = places.fileContent()
            #expect(content.prefix(2).max() == version)
            #expect(try TaskPlaces.parse(fileContent: content) == places)
            let targets = TaskTargets.fileContent([text, "/b", text])
            #expect(try TaskTargets.parse(fileContent: targets) == [text, "/b", text])
            for count in [0, 1, 2, content.count - 1] {
                #expect(throws: WireFault.self) {
                    try TaskPlaces.parse(fileContent: Array(content.prefix(count)))
                }
            }
            #expect(throws: WireFault.self) { try TaskTargets.parse(fileContent: targets + [0]) }
        }
    }

    @Test("no two messages have the same bytes")
    func packetsDiffer() {
        // By text, because with `Equatable` alone each would need a comparison with each.
        let requests = Set(Samples.requests.map { String(reflecting: $0) })
        #expect(Set(Samples.requests.map { $0.packet(id: 1) }).count == requests.count)
        let messages = Set(Samples.messages.map { String(reflecting: $0) })
        #expect(Set(Samples.messages.map { $0.packet() }).count == messages.count)
    }

    @Test("a request's first bytes are fixed, because a shim outlives its daemon")
    func layout() {
        let packet = ShimRequest.signal(task: "app", number: 15).packet(id: 0x0102_0304)
        let task: [UInt8] = [3, 0, 0, 0] + Array("app".utf8)
        #expect(packet == [2, 0] + [4, 3, 2, 1] + [4] + task + [15, 0, 0, 0])
    }

    @Test("requests to a shim of version 1 have the form that it was made with")
    func version1() {
        func packet(_ request: ShimRequest) -> [UInt8] {
            request.packetOfVersion1(id: 1) { call, task, document in
                ["\(call)", task, document?.id ?? "-"]
            }
        }
        func text(_ text: String) -> [UInt8] { [UInt8(text.utf8.count), 0, 0, 0] + text.utf8 }
        func texts(_ list: [String]) -> [UInt8] {
            [UInt8(list.count), 0, 0, 0] + list.flatMap(text)
        }
        let head: [UInt8] = [1, 0, 1, 0, 0, 0]
        let (now, later) = (
            Samples.document("x", startsAtOnce: true), Samples.document("x", startsAtOnce: false)
        )
        let expected: [(ShimRequest, [UInt8])] = [
            (.status, [0]), (.exit, [9]), (.removeAll(keepingLogs: true), [10, 1]),
            (.mount(task: "a", now), [1] + text("a") + text("/srv/x") + text("1000:x")),
            (.create(task: "a", now), [2] + text("a") + texts(["run", "a", "x"])),
            (.create(task: "a", later), [2] + text("a") + texts(["create", "a", "x"])),
            (.start(task: "a"), [3] + text("a") + texts(["start", "a", "-"])),
            (.delete(task: "a"), [6] + text("a") + texts(["delete", "a", "-"])),
            (.unmount(task: "a"), [7] + text("a") + texts([])),
        ]
        for (request, body) in expected { #expect(packet(request) == head + body) }
    }

    @Test("a daemon of version 1 can stop and delete, and gets answers of its version")
    func olderDaemon() throws {
        for request in Samples.requests {
            let packet = request.packetOfVersion1(id: 7) { _, _, _ in ["runc", "x"] }
            switch request {
            case .mount, .create, .makePart, .removePart, .freeze, .setRestart, .attempts, .exec,
                .attachExec, .endExec, .execs, .forgetExec, .update, .openLog, .setHealth, .health,
                .setInput, .attachTask:
                #expect(throws: WireFault.self) { try ShimRequest.parse(packet) }
            case .status, .start, .signal, .stop, .delete, .unmount, .remove, .removeAll, .exit:
                let arrived = try ShimRequest.parse(packet)
                #expect(arrived.version == ShimVersion.oldest)
                #expect(arrived.request == request)
            }
        }
        let task = ShimTaskReport(
            name: "app", process: nil, exit: nil, job: nil, jobPID: nil, jobSince: nil,
            waiting: nil)
        let status = ShimMessage.reply(
            id: 1, .status(ShimReport(shim: Samples.process, tasks: [task])))
        let packet = status.packet(ShimVersion.oldest)
        guard case .reply(1, .status(let report)) = try ShimMessage.parse(packet).message else {
            Issue.record("\(packet)")
            return
        }
        #expect(report.version == ShimVersion.oldest && report.capabilities.isEmpty)
        #expect(report.tasks == [task])
    }
}

@Suite struct VolumeDocuments {
    static let volumes = [
        WireVolume(name: "a", path: "/data/.volumes/a", medium: .disk),
        WireVolume(name: "b", path: "/run/volumes/b", medium: .memory(size: nil)),
        WireVolume(name: "c", path: "", medium: .memory(size: .max)),
    ]

    @Test("volumes arrive as they were sent")
    func arrive() throws {
        for list in [[], Self.volumes] {
            #expect(try WireVolume.parse(document: WireVolume.document(list)) == list)
        }
    }

    @Test("a document of volumes that is truncated, extended, or of another version is a fault")
    func damaged() {
        let whole = WireVolume.document(Self.volumes)
        let cut = (0..<whole.count).map { Array(whole.prefix($0)) }
        let damaged = cut + [whole + [0], [9] + whole]
        for document in damaged {
            #expect(throws: WireFault.self) { try WireVolume.parse(document: document) }
        }
    }
}

@Suite struct Faults {
    @Test("a packet that is truncated anywhere is a fault")
    func truncated() {
        for (isRequest, packet) in Samples.shortPackets {
            for count in packet.indices {
                let fault = fault(Array(packet.prefix(count)), isRequest: isRequest)
                #expect(fault != nil, "\(count) of \(packet.count) bytes")
            }
        }
    }

    @Test("an additional byte is a fault")
    func tooLong() {
        for (isRequest, packet) in Samples.shortPackets {
            let fault = fault(packet + [0], isRequest: isRequest)
            #expect(fault == WireFault("1 bytes too many"))
        }
    }

    @Test("another version is a fault that names it", arguments: [0, 3, 256, .max] as [UInt16])
    func version(number: UInt16) {
        for (isRequest, packet) in Samples.shortPackets {
            let bytes = [UInt8(truncatingIfNeeded: number), UInt8(number >> 8)]
            let fault = fault(bytes + packet.dropFirst(2), isRequest: isRequest)
            #expect(fault == WireFault("version \(number)"))
        }
    }

    /// The numbers that the protocol's last kinds have left free.
    private static let unknown: [UInt8] = Array(32...255)

    @Test("an unknown kind is a fault", arguments: unknown)
    func kind(number: UInt8) {
        for version in [1, 2] as [UInt8] {
            let request = fault([version, 0, 0, 0, 0, 0, number], isRequest: true)
            #expect(request == WireFault("request \(number)"))
        }
        #expect(fault([1, 0, number], isRequest: false) == WireFault("message \(number)"))
        let reply = fault([1, 0, 0, 0, 0, 0, 0, number], isRequest: false)
        #expect(reply == WireFault("reply \(number)"))
        let failed = fault([1, 0, 0, 0, 0, 0, 0, 5, number], isRequest: false)
        #expect(failed == WireFault("fault \(number)"))
    }

    @Test("text that is not UTF-8 is a fault")
    func notUTF8() {
        var packet = ShimRequest.unmount(task: "app").packet(id: 1)
        packet[11] = 0xff
        #expect(fault(packet, isRequest: true) == WireFault("a string that is not UTF-8"))
    }

    @Test("a presence or a boolean other than 0 and 1 is a fault", arguments: [2, 255] as [UInt8])
    func flags(byte: UInt8) {
        let exit = TaskExit(status: .unknown, oomKilled: true, finishedAt: 0)
        let packet = ShimMessage.exited(task: "", attempt: 1, exit).packet(ShimVersion.oldest)
        // Version, kind, an empty name, then code, signal, OOM kill, time. The OOM byte has two
        // bits, because it also contains whether the task never ran.
        for (offset, byte) in [(7, byte), (8, byte), (9, max(byte, 4))] {
            var lying = packet
            lying[offset] = byte
            #expect(fault(lying, isRequest: false) != nil, "offset \(offset)")
        }
    }

    @Test("an exit with a code ended in no other way", arguments: [[2], [0]] as [[UInt8]])
    func ambiguousExit(flags: [UInt8]) {
        let exit = TaskExit(status: .code(3), oomKilled: false, finishedAt: 0)
        var packet = ShimMessage.exited(task: "", attempt: 1, exit).packet(ShimVersion.oldest)
        // Version, kind, an empty name, then the code and its presence, the signal's, the flags.
        if flags == [2] {
            packet[13] = 2
        } else {
            packet.replaceSubrange(12..<13, with: [1, 9, 0, 0, 0])
        }
        #expect(fault(packet, isRequest: false) != nil)
    }

    @Test("a verb without arguments accepts none")
    func superfluousArguments() {
        var packet = ShimRequest.start(task: "app").packetOfVersion1(id: 1) { _, _, _ in ["x"] }
        for verb in [7, 8] as [UInt8] {
            packet[6] = verb
            #expect(fault(packet, isRequest: true) == WireFault("unexpected arguments"))
        }
    }
}

@Suite struct Nonsense {
    @Test(
        "a false count neither reserves memory nor reads beyond the end",
        arguments: [.max, 0x8000_0000, 0x7fff_ffff, 0x0001_0000] as [UInt32])
    func lyingCounts(count: UInt32) {
        let bytes = (0..<4).map { UInt8(truncatingIfNeeded: count >> (UInt32($0) * 8)) }
        for (_, packet) in Samples.shortPackets where packet.count < 1000 {
            // Wherever the counts are, the loop covers their places.
            for offset in 0...packet.count - 2 {
                var lying = packet
                lying.replaceSubrange(offset..<min(offset + 4, lying.count), with: bytes)
                #expect(isSound(lying), "offset \(offset)")
            }
        }
    }

    @Test("a list with a count above its elements is a fault")
    func lyingList() {
        let request = ShimRequest.delete(task: "").packetOfVersion1(id: 1) { _, _, _ in ["a"] }
        for count in [2, 3, 5, 6, 255] as [UInt8] {
            var lying = request
            lying[11] = count
            #expect(fault(lying, isRequest: true) == WireFault("cut short"))
        }
    }

    @Test("100,000 packets of random bytes do no harm")
    func randomBytes() {
        var dice = Dice(7496)
        for round in 0..<100_000 {
            var packet = dice.bytes(upTo: 64)
            // Without this prefix, hardly any packet would pass the version check.
            if round % 4 != 0 { packet = [UInt8(1 + round % 2), 0] + packet }
            if !isSound(packet) { Issue.record("\(packet)") }
        }
    }

    @Test("100,000 packets with a few wrong bytes do no harm")
    func mutatedPackets() throws {
        var dice = Dice(7497)
        let packets = Samples.shortPackets.map(\.bytes).filter { $0.count < 1000 }
        for _ in 0..<100_000 {
            var packet = try #require(packets.randomElement(using: &dice))
            for _ in 0..<Int.random(in: 1...3, using: &dice) {
                let place = Int.random(in: packet.indices, using: &dice)
                packet[place] = UInt8.random(in: 0...255, using: &dice)
            }
            if !isSound(packet) { Issue.record("\(packet)") }
        }
    }
}
