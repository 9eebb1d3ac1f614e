import ShimProtocol
import Testing

/// The documents of a pod's parts, and those of the network helper.
@Suite struct DocumentTests {
    private static let volumes = [
        WireVolume(name: "cache", path: "/data/x", medium: .disk),
        WireVolume(name: "scratch", path: "/run/x", medium: .memory(size: 65_536)),
        WireVolume(name: "free", path: "/run/y", medium: .memory(size: nil)),
    ]

    static let interface = WireInterface(
        name: "eth0", hostInterface: "st0123456789ab", mac: [2, 0x42, 10, 88, 0, 2],
        mark: "staunch:019abf10-3c1e-7a44-8f0b-5d2e9c6a7b10", bridge: "sb0123456789ab", mtu: 1400,
        addresses: [
            WireAddress(bytes: [10, 88, 0, 2], length: 16),
            WireAddress(bytes: [0xfd] + [UInt8](repeating: 0, count: 15), length: 64),
        ],
        gateways: [[10, 88, 0, 1]], table: "staunch",
        ports: [
            WirePort(hostPort: 8080, containerPort: 80, transport: 6, hostIP: []),
            WirePort(hostPort: 53, containerPort: 53, transport: 17, hostIP: [127, 0, 0, 1]),
        ])

    private static let network = WireNetwork(
        bridge: "sb0123456789ab", mark: "staunch:019abf10-3c1e-7a44-8f0b-5d2e9c6a7b10", mtu: 0,
        gateways: [WireAddress(bytes: [10, 88, 0, 1], length: 16)], masquerades: true,
        isIsolated: false, table: "staunch", interfaces: [interface])

    private static let detachments = [
        WireDetachment(
            uid: "019abf10-3c1e-7a44-8f0b-5d2e9c6a7b10", hostInterface: "st0123456789ab",
            mark: "staunch:019abf10", addresses: [[10, 88, 0, 2]], ports: interface.ports,
            bridge: ""),
        WireDetachment(
            uid: "019abf10-3c1e-7a44-8f0b-5d2e9c6a7b11", hostInterface: "st0123456789ac",
            mark: "staunch:019abf11", addresses: [], ports: [], bridge: "sb0123456789ac"),
    ]

    @Test("a document is read as it was written")
    func roundTrip() throws {
        let (volumes, network) = (DocumentTests.volumes, DocumentTests.network)
        let (interface, detachments) = (DocumentTests.interface, DocumentTests.detachments)
        #expect(try WireVolume.parse(document: WireVolume.document(volumes)) == volumes)
        #expect(try WireInterface.parse(document: interface.document()) == interface)
        #expect(try WireNetwork.parse(document: network.document()) == network)
        let document = WireDetachment.document(detachments)
        #expect(try WireDetachment.parse(document: document) == detachments)
    }

    private static let work = WirePluginWork(
        shim: WireProcess(pid: 7, startTicks: .max),
        note: WireNote(directory: "/data/cni", name: "a", content: [0, 0xff]),
        chains: [
            WireChain([]),
            WireChain([
                WireProgram(
                    name: "bridge", directories: ["/a", "/b"], arguments: ["-x"],
                    environment: ["A=b"], input: [1, 2], limit: 9)
            ]),
        ],
        remains: WireRemains(
            uid: "a", marks: ["a", "CNI-1"], links: [WireLink(name: "veth1", mac: [1, 2])],
            folders: ["/c"], note: WireNote(directory: "/data/cni", name: "a")))

    private static let report = WirePluginReport(
        chains: [
            [],
            [
                WireProgramEnd(end: .exited(3), output: [1], errors: [2], isCut: true),
                WireProgramEnd(end: .killed(signal: 9)),
                WireProgramEnd(end: .notStarted("no program", errno: 2)),
            ],
        ],
        remains: WireRemainsSeen(tables: ["ip nat"], hasOlderTables: true))

    @Test("a document of plugins is read as it was written, and never when it is cut")
    func plugins() throws {
        let (work, report) = (Self.work.document(), Self.report.document())
        #expect(try WirePluginWork.parse(document: work) == Self.work)
        #expect(try WirePluginReport.parse(document: report) == Self.report)
        for count in work.indices {
            #expect(throws: WireFault.self) {
                try WirePluginWork.parse(document: Array(work.prefix(count)))
            }
        }
        for count in report.indices {
            #expect(throws: WireFault.self) {
                try WirePluginReport.parse(document: Array(report.prefix(count)))
            }
        }
    }

    @Test("a document of configurations is read as it was written, and never when it is cut")
    func configurations() throws {
        let file = WireConfigurations.File(name: "10-a.conf", content: [0, 0xff, 0x7b])
        let seen = WireConfigurations(
            failure: "/d has 300 files",
            files: [file, WireConfigurations.File(name: "b.conflist", failure: "EIO")],
            folders: [WireConfigurations.Folder(name: "a", files: [file])],
            programs: [
                WireConfigurations.Programs(
                    directory: "/opt/cni/bin",
                    programs: [WireConfigurations.Program(name: "bridge", marks: "1.2")])
            ])
        let whole = seen.document()
        #expect(try WireConfigurations.parse(document: whole) == seen)
        for length in 0..<whole.count {
            #expect(throws: WireFault.self) {
                try WireConfigurations.parse(document: Array(whole.prefix(length)))
            }
        }
    }

    @Test("a document that is cut, longer, or of another version is refused")
    func damaged() {
        let whole = DocumentTests.network.document()
        for length in 0..<whole.count {
            #expect(throws: WireFault.self) {
                try WireNetwork.parse(document: Array(whole.prefix(length)))
            }
        }
        #expect(throws: WireFault.self) { try WireNetwork.parse(document: whole + [0]) }
        #expect(throws: WireFault.self) {
            try WireNetwork.parse(document: [2, 0] + whole.dropFirst(2))
        }
    }
}
